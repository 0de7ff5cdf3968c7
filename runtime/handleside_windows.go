package runtime

import (
	"net"
	"os"
	"sync"
	"time"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/internal/mono"
)

// A handleSide is one direction of a Handle: its operation and its deadline. One
// operation at a time uses it, whose caller holds the Handle's lock of that side.
type handleSide struct {
	op   binding.Overlapped
	done chan struct{} // holds a token when the operation is complete

	mu       sync.Mutex
	deadline int64       // moment on mono's scale, zero for none
	waiting  bool        // an operation is in progress
	cut      bool        // the deadline has cancelled it
	timer    *time.Timer // calls expire; made when first needed
}

func (s *handleSide) init() {
	s.done = make(chan struct{}, 1)
	s.op.Done = func(int, error) { s.done <- struct{}{} } // one operation at a time: there is room
}

// await waits until the operation, which has begun, is complete. The deadline
// cancels it.
func (s *handleSide) await() {
	s.mu.Lock()
	s.cut = false
	s.mu.Unlock()
	select {
	case <-s.done:
		return
	default:
	}
	s.mu.Lock()
	s.waiting = true
	s.expire()
	s.mu.Unlock()
	<-s.done
	s.mu.Lock()
	s.waiting = false
	s.mu.Unlock()
}

// expire cancels the operation if its deadline has passed, and otherwise comes
// again when it has. s.mu is held.
func (s *handleSide) expire() {
	if !s.waiting || s.deadline == 0 {
		return
	}
	left := mono.Until(s.deadline)
	switch {
	case left <= 0:
		s.cut = true
		s.op.Cancel()
	case s.timer == nil:
		s.timer = time.AfterFunc(left, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.expire()
		})
	default:
		s.timer.Reset(left)
	}
}

// expired returns the error of a call on s whose deadline has passed.
func (s *handleSide) expired() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deadline != 0 && s.deadline <= mono.Now() {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (s *handleSide) set(at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = at
	s.expire()
}

// stop ends the timer.
func (s *handleSide) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = 0
	if s.timer != nil {
		s.timer.Stop()
	}
}

// SetDeadline sets both directions' deadlines: see net.Conn.
func (h *Handle) SetDeadline(t time.Time) error { return h.setDeadline(t, &h.r, &h.w) }

// SetReadDeadline sets the deadline of reads and of ConnectPipe: see net.Conn. It
// applies to a call that is blocked already.
func (h *Handle) SetReadDeadline(t time.Time) error { return h.setDeadline(t, &h.r) }

// SetWriteDeadline sets the deadline of writes: see net.Conn. It applies to a
// call that is blocked already.
func (h *Handle) SetWriteDeadline(t time.Time) error { return h.setDeadline(t, &h.w) }

func (h *Handle) setDeadline(t time.Time, sides ...*handleSide) error {
	if !h.mu.Ref() {
		return net.ErrClosed
	}
	defer h.unref()
	var at int64
	if !t.IsZero() {
		at = mono.At(t)
	}
	for _, s := range sides {
		s.set(at)
	}
	return nil
}
