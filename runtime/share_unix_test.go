//go:build unix

package runtime

import (
	"testing"

	"golang.org/x/sys/unix"
)

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
