package registration

import (
	"errors"
	"testing"

	"github.com/moor-net/moor/internal/readyq"
)

// Each test here failed once.

// A Channel whose Poll could not be woken for a Send, which therefore failed, stayed
// readable although it was empty.
func TestFailedSendLeavesTheChannelUnready(t *testing.T) {
	refused := errors.New("no wake-up")
	q := readyq.New(func() error { return refused }, nil)
	c := NewChannel[int](1)
	if err := c.node.Register(q, 1, 1, false, false); err != nil {
		t.Fatal(err)
	}
	q.Fetch(true) // the Poll sleeps
	if err := c.Send(7); !errors.Is(err, refused) {
		t.Errorf("Send: %v, want %v", err, refused)
	}
	if _, err := c.Recv(); err != ErrEmpty {
		t.Errorf("Recv: %v, want ErrEmpty", err)
	}
	q.Fetch(false)
	if _, ready, ok := q.Next(); ok {
		t.Errorf("the empty Channel is ready for %#x", ready)
	}
}
