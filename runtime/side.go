package runtime

import "sync/atomic"

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
//	waiting  who is to be woken. Whoever clears the bit owes exactly one wake,
//	         and nobody else touches who until that was paid.
//	pressing half-close, hang-up, error or urgent data was reported. From then
//	         on a short read does not mean drained: there may be no other
//	         event. The bit is never cleared.
//	duplicated
//	         (of the writing side alone) a duplicate of the descriptor was
//	         handed out, which may keep the open file and so its registration
//	         alive after Close, and which may have been put into blocking mode,
//	         and so this one too. The bit is never cleared.
//	detached
//	         (of the writing side alone) Detach closed the FD: the descriptor
//	         stays open. The bit is never cleared.
//	queued   (of the reading side alone) the read lock is held for a Notice that
//	         is in the loop's queue. Whoever clears the bit has the lock: the
//	         loop when it comes to the Notice, or Close, which must not wait
//	         for that.
type side struct {
	deadline atomic.Int64        // moment on mono's scale, zero for none
	who      atomic.Pointer[job] // valid while waiting is set; see waiter.go
	state    atomic.Uint32
}

const (
	ready      = 1 << 0
	waiting    = 1 << 1
	pressing   = 1 << 2
	duplicated = 1 << 3
	detached   = 1 << 4
	queued     = 1 << 5
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

// rouse sets bits and wakes who waits. A goroutine is woken here; any other job
// is returned, for the caller to run it where that is right.
func (s *side) rouse(bits uint32) *job {
	for {
		old := s.state.Load()
		next := (old | bits) &^ waiting
		if next == old {
			return nil
		}
		if !s.state.CompareAndSwap(old, next) {
			continue
		}
		if old&waiting == 0 {
			return nil
		}
		j := s.who.Load()
		if w, ok := j.to.(*waiter); ok {
			w.asleep.Signal()
			return nil
		}
		return j
	}
}

// announce makes j the one who waits, unless the side is ready. After it
// reported true, the caller checks once more whatever else would end the wait.
func (s *side) announce(j *job) bool {
	s.who.Store(j)
	for {
		old := s.state.Load()
		if old&ready != 0 {
			return false
		}
		if s.state.CompareAndSwap(old, old|waiting) {
			return true
		}
	}
}

// withdraw takes the waiter back that announce put there. It reports false
// when somebody else has cleared the bit, whose wake is then on its way.
func (s *side) withdraw() bool {
	for {
		old := s.state.Load()
		if old&waiting == 0 {
			return false
		}
		if s.state.CompareAndSwap(old, old&^waiting) {
			return true
		}
	}
}
