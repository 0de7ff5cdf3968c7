package registration

import (
	"errors"
	"io"
	"sync"

	"github.com/moor-net/moor/internal/readyq"
	"github.com/moor-net/moor/netpoll"
)

// Errors of a Channel that cannot go on right now.
var (
	ErrEmpty = errors.New("registration: the channel is empty")
	ErrFull  = errors.New("registration: the channel is full")
)

// A Channel is a bounded queue of values that is a netpoll.Source: readable
// while it holds values and after CloseSend. Neither sending nor receiving
// ever blocks. Its methods may be called from any goroutine.
//
// Every Send counts as new readiness, as data that arrives on a socket does:
// a receiver that is registered with netpoll.Edge receives until ErrEmpty. The
// Channel is never reported writable.
type Channel[T any] struct {
	source

	mu         sync.Mutex
	ring       []T // grows up to limit
	first      int // index of the oldest value
	n          int // number of values
	limit      int
	sendClosed bool
	closed     bool
}

// NewChannel returns a Channel that holds at most capacity values, at least
// one. Memory is taken as it fills, not ahead.
func NewChannel[T any](capacity int) *Channel[T] {
	return &Channel[T]{limit: max(capacity, 1)}
}

// Send appends v. It returns ErrFull when capacity values wait, and an error
// that matches os.ErrClosed after CloseSend and Close, and when the Poll that
// the Channel belongs to is closed; then v was not sent.
func (c *Channel[T]) Send(v T) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.sendClosed {
		return readyq.ErrClosed
	}
	if c.n == c.limit {
		return ErrFull
	}
	// Set under the lock, so that the last one tells whether c is empty.
	if err := c.set(netpoll.Readable); err != nil {
		if c.n == 0 {
			c.set(0) // it was set if only waking the Poll has failed
		}
		return err
	}
	if c.n == len(c.ring) {
		c.grow()
	}
	c.ring[(c.first+c.n)%len(c.ring)] = v
	c.n++
	return nil
}

// grow doubles the ring, up to the limit.
func (c *Channel[T]) grow() {
	ring := make([]T, min(max(2*len(c.ring), 8), c.limit))
	k := copy(ring, c.ring[c.first:])
	copy(ring[k:], c.ring[:c.first])
	c.ring, c.first = ring, 0
}

// Recv removes the oldest value and returns it. It returns ErrEmpty when there
// is none yet, io.EOF when there is none and will be none since CloseSend was
// called, and an error that matches os.ErrClosed after Close.
func (c *Channel[T]) Recv() (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var none T
	switch {
	case c.closed:
		return none, readyq.ErrClosed
	case c.n > 0:
	case c.sendClosed:
		return none, io.EOF
	default:
		return none, ErrEmpty
	}
	v := c.ring[c.first]
	c.ring[c.first] = none // let go of what it refers to
	c.first = (c.first + 1) % len(c.ring)
	c.n--
	if c.n == 0 && !c.sendClosed {
		c.set(0) // fails when the Poll is closed: nobody waits
	}
	return v, nil
}

// Len returns the number of values that wait.
func (c *Channel[T]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// Cap returns the number of values that the Channel holds at most.
func (c *Channel[T]) Cap() int { return c.limit }

// CloseSend ends the sending: what waits can still be received, then Recv
// returns io.EOF. From now on, as at the end of a socket's stream, the Channel
// is Readable and ReadClosed. A second call returns an error that matches
// os.ErrClosed.
func (c *Channel[T]) CloseSend() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.sendClosed {
		return readyq.ErrClosed
	}
	c.sendClosed = true
	return c.set(netpoll.Readable | netpoll.ReadClosed)
}

// Close drops what waits and ends the Channel for both sides; it need not be
// deregistered before. Closing twice returns an error that matches
// os.ErrClosed.
func (c *Channel[T]) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.ring, c.n = true, nil, 0
	return c.node.Close()
}
