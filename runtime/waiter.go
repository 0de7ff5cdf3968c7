package runtime

import (
	"errors"
	"net"
	"os"

	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/internal/prefetch"
	"github.com/moor-net/moor/netpoll"
)

// Who waits on a side is a sleeping goroutine, or a job: a coroutine's, or that
// of a Notice or a Watch, which is run on the loop. A goroutine holds the side's
// lock while it sleeps, and nothing else: it sleeps in the side itself.

// wait puts the caller to sleep until s is ready; a coroutine switches back
// instead. It returns the error that ends the wait otherwise. The caller holds
// the side's lock.
func (fd *FD) wait(s *side) error { return fd.waitInto(s, nil) }

// waitInto is wait for a read into p.
func (fd *FD) waitInto(s *side, p []byte) error {
	if co := registered.caller(fd.Loop()); co != nil && !co.mustBlock() {
		co.hints[buffer] = prefetch.Buffer(p)
		return co.wait(fd, s)
	}
	for s.unlessReady(asleep) {
		// Whatever came before the bit was set has woken nobody.
		err := fd.ended(s)
		if err == nil {
			err = fd.watched(s)
		}
		if err != nil && s.unset(asleep) {
			return err
		} // or somebody has woken us too, whose Unpark ends the sleep
		if fd.leads(s) {
			fd.Loop().lead.wait(fd)
		}
		s.seat.Park()
		if s.state.Load()&ready != 0 {
			break
		}
		// Woken by Close, or by a deadline that has passed or was moved.
		if err := fd.ended(s); err != nil {
			return err
		}
	}
	if fd.mu.Closed() {
		return net.ErrClosed
	}
	return nil
}

// watched arranges for whatever is to end a wait on s that was just announced.
// A job may have been run by now, and its FD closed: the reference keeps the
// registration from ending meanwhile, and what is armed from staying behind. It
// returns an error if there will be no event: the wait is to end with it, unless
// somebody has ended it already.
func (fd *FD) watched(s *side) error {
	at := s.deadline.Load()
	if at == 0 && !netpoll.NeedsRearm {
		return nil
	}
	if !fd.mu.Ref() {
		return nil // Close wakes who waits
	}
	err := fd.rearm(s)
	if at != 0 && err == nil {
		fd.arm(s, at)
	}
	fd.unref()
	return err
}

// rearm tells a Poll that does not see by itself that an operation on s would
// block. On Linux that is none, and this nothing.
func (fd *FD) rearm(s *side) error {
	if !netpoll.NeedsRearm {
		return nil
	}
	if s.state.Load()&moving != 0 {
		return nil
	}
	ready := netpoll.Writable
	if s == &fd.r {
		ready = netpoll.Readable
	}
	s.asking.begin()
	err := fd.Loop().poll.Rearm(fd.polled, ready)
	s.asking.end()
	if errors.Is(err, os.ErrClosed) {
		return net.ErrClosed // of the Poll: the runtime was shut down
	}
	return err
}

// lookAgain is called after a job was announced on s. Whatever has ended the wait
// before that, or over, has woken nobody: it makes whoever waits find out, on the
// loop, and reports that. It does not take back what was announced: the job may
// have been run by now, and another have taken its place.
func (fd *FD) lookAgain(s *side, over bool) bool {
	if !over && fd.ended(s) == nil {
		return false
	}
	fd.post(s.rouse(0))
	return true
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
