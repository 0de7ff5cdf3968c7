package runtime

import (
	"sync"
	"sync/atomic"
)

// A side is one direction of an FD: what is known about its readiness, who
// waits for it, and until when. One operation at a time uses a side, since an
// operation holds the FD's read or write lock; the loop, deadlines and Close
// only ever set bits and wake the waiter.
//
// The state word:
//
//	ready    the operation is worth trying: the kernel reported an event after
//	         the bit was last cleared, or the last try left something over.
//	         An operation clears it before its system call, so an event that
//	         comes during the call is not lost.
//	waiting  a goroutine sleeps on wake, or is about to. Whoever clears the bit
//	         owes exactly one wake.Done.
//	pressing half-close, hang-up, error or urgent data was reported. From then
//	         on a short read does not mean drained: there may be no other
//	         event. The bit is never cleared.
//	duplicated
//	         (of the writing side alone) a duplicate of the descriptor was
//	         handed out, which may keep the open file and so its registration
//	         alive after Close. The bit is never cleared.
type side struct {
	deadline atomic.Int64 // moment on mono's scale, zero for none
	wake     sync.WaitGroup
	state    atomic.Uint32
}

const (
	ready      = 1 << 0
	waiting    = 1 << 1
	pressing   = 1 << 2
	duplicated = 1 << 3
)

// take reports whether the operation is worth trying, and clears the bit.
func (s *side) take() bool {
	if s.state.Load()&ready == 0 {
		return false
	}
	s.state.And(^uint32(ready))
	return true
}

// keep says that the next operation is worth trying too.
func (s *side) keep() { s.state.Or(ready) }

// rouse sets bits and wakes the waiter, if there is one.
func (s *side) rouse(bits uint32) {
	for {
		old := s.state.Load()
		next := (old | bits) &^ waiting
		if next == old {
			return
		}
		if s.state.CompareAndSwap(old, next) {
			if old&waiting != 0 {
				s.wake.Done()
			}
			return
		}
	}
}

// announce makes the caller the waiter, unless the side is ready. After it
// reported true, the caller checks once more whatever else would end the wait
// and then calls sleep, or withdraw.
func (s *side) announce() bool {
	s.wake.Add(1)
	for {
		old := s.state.Load()
		if old&ready != 0 {
			s.wake.Done()
			return false
		}
		if s.state.CompareAndSwap(old, old|waiting) {
			return true
		}
	}
}

// sleep waits for a rouse that came after announce.
func (s *side) sleep() { s.wake.Wait() }

// withdraw ends the wait that announce began. If someone has taken the waiting
// bit already their Done is on its way and is waited for.
func (s *side) withdraw() {
	s.rouse(0)
	s.wake.Wait()
}
