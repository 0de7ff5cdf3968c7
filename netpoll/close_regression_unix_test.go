//go:build unix

package netpoll_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

// A call on a closed Poll used to count itself in and out again, found itself
// to be the last one, and closed the Poll's descriptors a second time: by then
// their numbers belonged to others.
func TestCallsOnAClosedPollCloseNothing(t *testing.T) {
	p, err := netpoll.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	var others []int // take the numbers that became free
	for range 8 {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, fds[0], fds[1])
	}
	if err := p.Wake(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Wake: %v, want os.ErrClosed", err)
	}
	if _, err := p.Poll(netpoll.NewEvents(1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Poll: %v, want os.ErrClosed", err)
	}
	if err := p.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Close: %v, want os.ErrClosed", err)
	}
	for _, fd := range others {
		if err := unix.Close(fd); err != nil {
			t.Errorf("descriptor %d was closed by someone else: %v", fd, err)
		}
	}
}
