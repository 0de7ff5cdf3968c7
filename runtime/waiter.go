package runtime

import (
	"net"
	"os"
	"sync"

	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/netpoll"
)

// Who waits on a side is a job: a Notice's or a Watch's, which is run on the
// loop, or that of a waiter, which is a sleeping goroutine. Idle FDs have none;
// goroutines take theirs from a pool while they sleep, and a coroutine is a job
// itself.
//
// A waiter sleeps on a condition variable. Unlike a WaitGroup or a Mutex, whose
// sleepers the runtime keeps in trees that all share, it has a list of its own,
// so that a wake-up costs the same however many sleep. Being its own Locker
// it announces itself at the moment between the drawing of its ticket and the
// sleep: a Signal that comes from then on is not lost.
type waiter struct {
	asleep sync.Cond
	job    job // points back to the waiter
	fd     *FD
	side   *side
}

var waiters = sync.Pool{New: func() any {
	w := new(waiter)
	w.job.to, w.asleep.L = w, w
	return w
}}

// wait puts the caller to sleep until s is ready; a coroutine switches back
// instead. It returns the error that ends the wait otherwise. The caller holds
// the side's lock.
func (fd *FD) wait(s *side) error {
	if co := registered.caller(fd.loop); co != nil && !co.mustBlock() {
		return co.wait(fd, s)
	}
	w := waiters.Get().(*waiter)
	w.fd, w.side = fd, s
	var err error
	for s.state.Load()&ready == 0 && err == nil {
		w.asleep.Wait()
		// Woken by an event, Close, or a deadline that has passed or was
		// moved meanwhile.
		if s.state.Load()&ready == 0 {
			err = fd.ended(s)
		}
	}
	w.fd, w.side = nil, nil
	waiters.Put(w)
	if err == nil && fd.mu.Closed() {
		err = net.ErrClosed
	}
	return err
}

// Lock does nothing. It makes a waiter a sync.Locker.
func (w *waiter) Lock() {}

// Unlock announces the waiter. If there is nothing to sleep for it wakes itself:
// each sleep has exactly one Signal.
func (w *waiter) Unlock() {
	fd, s := w.fd, w.side
	if !s.announce(&w.job) {
		w.asleep.Signal()
		return
	}
	if fd.ended(s) != nil {
		if s.withdraw() {
			w.asleep.Signal()
		}
		return // or somebody else has seen it too, and wakes us
	}
	fd.rearm(s)
	if at := s.deadline.Load(); at != 0 {
		fd.arm(s, at)
	}
}

// rearm tells a Poll that does not see by itself that an operation on s would
// block. On Linux that is none, and this nothing.
func (fd *FD) rearm(s *side) {
	if !netpoll.NeedsRearm {
		return
	}
	if s == &fd.r {
		fd.binding.Rearm(netpoll.Readable) // fails when the wait has been ended
	} else {
		fd.binding.Rearm(netpoll.Writable)
	}
}

// ended returns the error that ends a wait on s although it is not ready.
func (fd *FD) ended(s *side) error {
	if fd.mu.Closed() {
		return net.ErrClosed
	}
	if at := s.deadline.Load(); at != 0 && at <= mono.Now() {
		return os.ErrDeadlineExceeded
	}
	return nil
}
