package netpoll_test

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

// The numbers of a closed Poll's descriptors belong to whoever got them next:
// calls on the closed Poll must not close them again.
func TestClosedPollLeavesReusedNumbers(t *testing.T) {
	p, err := netpoll.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	var fds []int
	for range 64 {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	calls := map[string]func() error{
		"Poll":     func() error { _, err := p.Poll(netpoll.NewEvents(1), 0); return err },
		"Wake":     p.Wake,
		"Close":    p.Close,
		"Register": func() error { return p.Register(netpoll.FD(fds[0]), 1, netpoll.Readable, netpoll.Edge) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s on a closed Poll returned %v", name, err)
		}
	}
	for _, fd := range fds {
		if err := unix.Close(fd); err != nil {
			t.Errorf("descriptor %d was closed by a call on the closed Poll: %v", fd, err)
		}
	}
}

// Close while another goroutine is about to call Poll releases everything once.
func TestCloseMeetsPoll(t *testing.T) {
	for range 2000 {
		p, err := netpoll.New()
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			events := netpoll.NewEvents(1)
			for {
				if _, err := p.Poll(events, time.Minute); err != nil {
					if !errors.Is(err, os.ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
		for range 3 {
			p.Wake()
		}
		p.Close()
		wg.Wait()
	}
}
