package netpoll

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Calls that came after Close closed the selector's descriptors again, which
// by then were somebody else's.
func TestCallsAfterCloseCloseNothing(t *testing.T) {
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	var fds []int // whatever numbers the selector had, one of these has now
	for range 8 {
		fd, err := unix.Dup(0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		fds = append(fds, fd)
	}
	if _, err := p.Poll(NewEvents(1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Poll: %v", err)
	}
	if err := p.Register(FD(fds[0]), 1, Readable, Edge); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Register: %v", err)
	}
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			t.Errorf("descriptor %d: %v", fd, err)
		}
	}
}
