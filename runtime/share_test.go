package runtime

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sys"
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
	defer sys.Close(s)
	for range 2 {
		if err := <-got; !errors.Is(err, net.ErrClosed) {
			t.Errorf("blocked call: %v", err)
		}
	}
}
