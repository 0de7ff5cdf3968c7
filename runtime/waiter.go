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
// goroutines take theirs from a pool while they sleep.
type waiter struct {
	job    job            // points back to the waiter
	asleep sync.WaitGroup // one while the goroutine sleeps
}

var waiters = sync.Pool{New: func() any {
	w := new(waiter)
	w.job.to = w
	return w
}}

// wait puts the caller to sleep until s is ready. It returns the error that
// ends the wait otherwise. The caller holds the side's lock.
func (fd *FD) wait(s *side) error {
	w := waiters.Get().(*waiter)
	defer waiters.Put(w)
	for {
		w.asleep.Add(1)
		if !s.announce(&w.job) {
			w.asleep.Done()
			break
		}
		err := fd.ended(s)
		if err == nil {
			fd.rearm(s)
			if at := s.deadline.Load(); at != 0 {
				fd.arm(s, at)
			}
		} else if s.withdraw() {
			w.asleep.Done()
			return err
		}
		w.asleep.Wait()
		// Woken by an event, Close, or a deadline that has passed or was
		// moved meanwhile: the next round tells.
	}
	if fd.mu.Closed() {
		return net.ErrClosed
	}
	return nil
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
