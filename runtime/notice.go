package runtime

import (
	"errors"
	"net"
	"sync/atomic"

	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/netpoll"
)

// A Notice waits for an FD without a goroutine: once a read would not block,
// its Recipient is told on the FD's loop. It may be used again after that, for
// the same FD or another; it must not be copied.
type Notice struct {
	To Recipient

	state  atomic.Uint32
	turn   uint16 // the loop's number of turns at some time since the lock is held
	posted bool   // to the loop's queue
	job    job    // points back to the Notice
	fd     *FD
}

// A Recipient is told by a Notice.
type Recipient interface {
	// Notify is called with nil when there is data, the end of the stream, an
	// error to read, or a connection to accept; with net.ErrClosed once the
	// FD is closed; with os.ErrDeadlineExceeded when the read deadline has
	// passed; and with what the system said if it can't be made to tell. It
	// must not block: all other FDs of the loop wait for it.
	Notify(error)
}

// A RecipientFunc is a function that is called as a Recipient's Notify.
type RecipientFunc func(error)

// Notify implements Recipient.
func (f RecipientFunc) Notify(err error) { f(err) }

// States of a Notice. From armed, one party moves it on: the loop, which then
// tells the Recipient, or CancelRead.
const (
	idle = iota
	armed
	canceled
)

// ErrBusy is returned when a read, or another Notice, is in progress.
var ErrBusy = errors.New("runtime: a read is in progress")

// NotifyRead arranges for n.To to be told once. It is exact: that is not told nil
// while a read would block, and it is told soon if it would not. Until then n
// counts as a read in progress, for which other reads wait; when n.To is told
// they may have been first. It returns ErrBusy instead of waiting itself,
// net.ErrClosed, os.ErrDeadlineExceeded if the deadline has passed, or what the
// system said if it can't be made to tell; n.To is not told anything then. It is
// not told before NotifyRead returns unless that runs on another goroutine than
// the loop's.
func (fd *FD) NotifyRead(n *Notice) error {
	due, err := fd.set(n)
	switch {
	case due && err == nil:
		fd.Loop().post(&n.job)
	case due && !n.unset(): // CancelRead was first
		return nil
	}
	return err
}

// NotifyReadLater is NotifyRead for callers that need not be told of what is there
// already: it reports false, and has arranged nothing, if a read would not block.
func (fd *FD) NotifyReadLater(n *Notice) (later bool, err error) {
	due, err := fd.set(n)
	switch {
	case !due:
		return err == nil, err
	case !n.unset(): // CancelRead was first
		return true, nil
	}
	return false, err
}

// set begins what NotifyRead does. It reports whether n's end is due already, with
// the error if there is one: n then holds the read lock. If it is not due an error
// says that nothing was begun.
func (fd *FD) set(n *Notice) (due bool, err error) {
	switch locked, open := fd.mu.TryLock(fdmutex.Read); {
	case !open:
		return false, net.ErrClosed
	case !locked:
		return false, ErrBusy
	}
	n.fd = fd
	if n.job.to == nil {
		n.job.to = (*noticeJob)(n) // for good: see foresee
	}
	n.state.Store(armed)
	return n.settle(false)
}

// unset takes back what set has begun, if that is due. It reports false if
// CancelRead has done so.
func (n *Notice) unset() bool {
	won := n.state.CompareAndSwap(armed, idle)
	n.fd.end(fdmutex.Read)
	return won
}

// ReadPressing reports whether an event has said of reading more than that it is
// possible: that the peer sends no more, an error, or urgent data. Where the
// system tells of the first (see package netpoll), an FD that is readable and
// of which nothing was said has data.
func (fd *FD) ReadPressing() bool { return fd.r.state.Load()&pressing != 0 }

// CancelRead takes back what NotifyRead arranged; n can't be used again. It
// reports false when it is too late, n.To having been told or being about to be.
func (fd *FD) CancelRead(n *Notice) bool {
	if !n.state.CompareAndSwap(armed, canceled) {
		return false
	}
	// If n still waits it is taken off. If not, it is on its way to run,
	// which finds it canceled, and whoever waits now is woken for nothing.
	switch woken := fd.r.rouse(0); woken {
	case nil:
	case &n.job:
		fd.r.who.Store(nil)
		fd.end(fdmutex.Read)
	default:
		fd.Loop().post(woken)
	}
	return true
}

// settle reports whether n's end is due, and with which error. Otherwise n waits
// and somebody will run it, or it is canceled. The caller owns n: it is on no
// side and in no queue. When it has done its duty the FD does not refer to it any
// more: n may be part of the very object whose loss is to close the FD.
//
// certain says that the ready bit, if it is set, need not be confirmed.
func (n *Notice) settle(certain bool) (due bool, err error) {
	fd, s := n.fd, &n.fd.r
	var refused error
	for ; ; certain = false {
		if n.state.Load() == canceled {
			s.who.Store(nil)
			fd.end(fdmutex.Read)
			return false, nil
		}
		if err := fd.ended(s); err != nil {
			s.who.Store(nil)
			return true, err
		}
		if s.take() {
			// An event may have been for what an earlier read has had.
			if certain || sys.Readable(int(fd.sysfd)) {
				s.keep()
				s.who.Store(nil)
				return true, nil
			}
			continue
		}
		if refused != nil {
			s.who.Store(nil)
			return true, refused
		}
		n.turn = uint16(fd.Loop().turns.Load())
		if !s.announce(&n.job) {
			continue
		}
		if fd.lookAgain(s, n.state.Load() == canceled) {
			return false, nil
		}
		// If n is run at this moment the entry in the wheel serves the next.
		if refused = fd.watched(s); refused != nil && s.withdraw() {
			continue
		}
		return false, nil
	}
}

// enqueue is called before n, for which the read lock is held, is put into the
// loop's queue. Either it or Close sees what the other has done.
func (n *Notice) enqueue() {
	n.posted = true
	n.fd.r.state.Or(queued)
	if n.fd.mu.Closed() {
		n.fd.unlockQueued()
	}
}

// unlockQueued gives back the read lock of a closed FD that is held for a Notice
// in the loop's queue, so that whoever waits for the last user need not wait for
// the loop: it may be the loop.
func (fd *FD) unlockQueued() {
	if fd.r.dequeue() {
		fd.end(fdmutex.Read)
	}
}

// dequeue clears the queued bit and reports whether it was set.
func (s *side) dequeue() bool {
	if s.state.Load()&queued == 0 || s.state.And(^uint32(queued))&queued == 0 {
		return false
	}
	s.who.Store(nil)
	return true
}

// A noticeJob is a Notice as its job.
type noticeJob Notice

// Wake is called on the loop after the Notice was taken off its side.
func (j *noticeJob) Wake() {
	n := (*Notice)(j)
	if n.posted {
		n.posted = false
		if !n.fd.r.dequeue() { // the FD was closed
			if n.state.CompareAndSwap(armed, idle) {
				n.To.Notify(net.ErrClosed)
			}
			return
		}
		n.finish(n.settle(false))
		return
	}
	n.finish(n.settle(n.believes()))
}

// finish ends what NotifyRead has begun, if that is due.
func (n *Notice) finish(due bool, err error) {
	if !due {
		return
	}
	fd, to := n.fd, n.To
	won := n.state.CompareAndSwap(armed, idle)
	fd.end(fdmutex.Read)
	if won {
		to.Notify(err)
	}
}

// believes reports whether the event that has woken n, just now, means that a
// read would not block. It does if the loop asked the kernel for it while n held
// the read lock, in a turn after the one in which n began to wait: nobody can
// have read since. That saves a system call. Not so for errors, which writes
// take too, and what comes with them.
func (n *Notice) believes() bool {
	return netpoll.Fresh && n.turn != uint16(n.fd.Loop().turns.Load()) && n.fd.r.state.Load()&pressing == 0
}

// post runs the job that rouse returned, if any, by way of the loop.
func (fd *FD) post(j *job) {
	if j != nil {
		fd.Loop().post(j)
	}
}
