package runtime

import (
	"sync/atomic"

	"github.com/moor-net/moor/internal/parker"
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
//	waiting  who is to be run. Whoever clears the bit owes exactly one run, and
//	         nobody else touches who until that was paid.
//	asleep   a goroutine sleeps in seat, or is about to. Whoever clears the bit
//	         owes exactly one Unpark. Never set together with waiting.
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
//	ported   (of the writing side alone, on Windows) the socket is associated with
//	         the completion port of the loop's Poll. The bit is never cleared.
//	moving   (of the writing side alone, on Windows) the operation is one whose
//	         packet sets ready: the Poll is asked for no event.
//	calling  (on Windows) an operation makes a system call, which must not block.
//	raw      (on Windows) a function of RawRead or RawWrite runs, for which the
//	         socket blocks: see mode_windows.go.
type side struct {
	deadline atomic.Int64 // moment on mono's scale, zero for none
	seat     parker.Parker
	who      atomic.Pointer[job] // valid while waiting is set
	state    atomic.Uint32
	asking   asking
}

const (
	ready      = 1 << 0
	waiting    = 1 << 1
	asleep     = 1 << 2
	pressing   = 1 << 3
	duplicated = 1 << 4
	detached   = 1 << 5
	queued     = 1 << 6
	ported     = 1 << 7
	moving     = 1 << 8
	calling    = 1 << 9
	raw        = 1 << 10

	occupied = waiting | asleep // somebody is to be told
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

// waiter returns who waits, as it looks now: the goroutine that sleeps, or the job
// that is to be run, or neither.
func (s *side) waiter() (g uintptr, j *job) {
	switch state := s.state.Load(); {
	case state&asleep != 0:
		return s.seat.Sleeper(), nil
	case state&waiting != 0:
		return 0, s.who.Load()
	}
	return 0, nil
}

// rouse sets bits and wakes who waits. A goroutine is woken here; a job is
// returned, for the caller to run it where that is right.
func (s *side) rouse(bits uint32) *job {
	for {
		old := s.state.Load()
		next := (old | bits) &^ occupied
		if next == old {
			return nil
		}
		if !s.state.CompareAndSwap(old, next) {
			continue
		}
		switch {
		case old&asleep != 0:
			s.seat.Unpark()
		case old&waiting != 0:
			return s.who.Load()
		}
		return nil
	}
}

// announce makes j the one who waits, unless the side is ready. After it
// reported true, the caller checks once more whatever else would end the wait.
func (s *side) announce(j *job) bool {
	if s.who.Load() != j { // mostly it is the same as ever: a store costs more
		s.who.Store(j)
	}
	return s.unlessReady(waiting)
}

// withdraw takes the job back that announce put there. It reports false when
// somebody else has cleared the bit, who will run it.
func (s *side) withdraw() bool { return s.unset(waiting) }

// unlessReady sets bit, or reports false if the side is ready.
func (s *side) unlessReady(bit uint32) bool {
	for {
		old := s.state.Load()
		if old&ready != 0 {
			return false
		}
		if s.state.CompareAndSwap(old, old|bit) {
			return true
		}
	}
}

// unset clears bit. It reports false if somebody else has.
func (s *side) unset(bit uint32) bool {
	for {
		old := s.state.Load()
		if old&bit == 0 {
			return false
		}
		if s.state.CompareAndSwap(old, old&^bit) {
			return true
		}
	}
}
