//go:build unix

package runtime

import (
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A detached descriptor is registered nowhere: the same loop takes it again.
func TestDetachedDescriptorIsUnregistered(t *testing.T) {
	rt := start(t, 1)
	a, b := pair(t, rt)
	s, err := a.Detach()
	if err != nil {
		t.Fatal(err)
	}
	if n := rt.Stats().Conns(); n != 1 {
		t.Errorf("%d descriptors after Detach, want 1", n)
	}
	if _, err := a.Detach(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Detach: %v", err)
	}
	if err := a.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Close after Detach: %v", err)
	}
	var again FD
	if err := again.Init(rt, s, Stream); err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	go b.Write([]byte("x"))
	again.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := again.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("Read = %d, %v", n, err)
	}
}

// Detach waits until the last user has left.
func TestDetachEndsCallsFirst(t *testing.T) {
	a, _ := pair(t, start(t, 1))
	got := make(chan error, 2)
	go func() { _, err := a.Read(make([]byte, 1)); got <- err }()
	waitFor(t, &a.r)
	fill(t, a)
	go func() { _, err := a.Write(make([]byte, 1)); got <- err }()
	waitFor(t, &a.w)
	s, err := a.Detach()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s)
	for range 2 {
		if err := <-got; !errors.Is(err, net.ErrClosed) {
			t.Errorf("blocked call: %v", err)
		}
	}
}

// A descriptor that is no socket can be shared too.
func TestSharedPipe(t *testing.T) {
	rt := start(t, 1)
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	var r, w FD
	for i, fd := range []*FD{&r, &w} {
		unix.CloseOnExec(fds[i])
		unix.SetNonblock(fds[i], true)
		fd.Share()
		if err := fd.Init(rt, fds[i], Stream); err != nil {
			t.Fatal(err)
		}
		defer fd.Close()
	}
	got := make(chan string)
	go func() {
		buf := make([]byte, 10)
		n, err := r.Read(buf)
		if err != nil {
			t.Error(err)
		}
		got <- string(buf[:n])
	}()
	waitFor(t, &r.r)
	if _, err := w.Write([]byte("foobar")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "foobar" {
		t.Errorf("read %q", s)
	}
}
