//go:build !moor_poll

package netpoll

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/readyq"
)

// Events of user-space sources that were taken from the queue are delivered
// even when the system's part fails.
func TestUserEventsSurviveAFailureOfTheSystem(t *testing.T) {
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var n readyq.Node
	if err := p.AttachNode(&n, 1, Readable, Edge); err != nil {
		t.Fatal(err)
	}
	if err := n.Set(uint16(Readable)); err != nil {
		t.Fatal(err)
	}
	set := p.sel.set.Load()
	defer p.sel.set.Store(set)
	p.sel.set.Store(&epollSet{fd: -1})
	events := NewEvents(8)
	if n, err := p.Poll(events, 0); n != 1 || err != nil {
		t.Errorf("Poll: %d events, %v", n, err)
	}
	if _, err := p.Poll(events, 0); !errors.Is(err, unix.EBADF) {
		t.Errorf("Poll: %v, want EBADF", err)
	}
	if events.Len() != 0 {
		t.Error("events of the last call are left")
	}
}
