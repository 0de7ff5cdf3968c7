//go:build !moor_poll

package netpoll

import (
	"encoding/binary"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/sys"
)

const waitsSoon = true

// A near is what it takes to wait in the kernel itself: see PollSoon and Lead.
//
// Go's poller would be told of each event too, and wake a thread for nothing: the
// inner set is masked in the outer one meanwhile. A wait in the kernel holds a P,
// so it must end by itself. A time-out would be set for each wait, which takes a
// microsecond or two where there is a hypervisor to ask. A timer that expires
// regularly, whoever waits, costs next to nothing, and is only late by its period.
//
// The mode changes under the mutex, together with what depends on it:
//
//	         inner set  ticker           guard
//	quiet    unmasked   off, see leading off
//	polling  masked     on               off
//	led      masked     on               on
//
// What must not happen is that somebody waits while the ticker is off, or while
// nobody would look at the set at all.
//
//   - polling begins and ends by the goroutine in Poll, led only begins by another.
//   - led ends by the leader, or by the goroutine in Poll if the leader has not been
//     back between two expiries of the guard. The leader may be about to wait then.
//     It counts itself in leading before it looks at the mode; who ends the mode
//     looks at leading after, and leaves the ticker to the last leader if there is
//     one.
//   - Whoever has unmasked the set looks into it once more: the kernel does not
//     tell the outer set of what has been ready before if it has told it so once
//     and nobody has looked (ep_modify in fs/eventpoll.c).
type near struct {
	ticker int // a timerfd(2) in the inner set
	kick   int // an eventfd(2) in the inner set: ends the wait in polling mode
	guard  int // a timerfd(2) in the outer set: makes the goroutine in Poll look

	mu   sync.Mutex
	mode atomic.Uint32

	waiting atomic.Bool   // the goroutine in PollSoon waits, or is about to: kick it
	called  atomic.Bool   // wake was called since PollSoon last looked
	leading atomic.Int32  // leaders that wait, or are about to
	leads   atomic.Uint64 // calls of Lead that have waited
	seen    uint64        // of those, when the goroutine in Poll last looked
}

const (
	quiet = iota
	polling
	led
)

// guardPeriod is half of the longest time for which nobody looks at what is
// ready: while the leader does something else than wait.
const guardPeriod = time.Millisecond

// Keys of what near has in the inner set.
const (
	tickerKey = timerKey - 1
	kickKey   = timerKey - 2
	ownKeys   = kickKey // this and all above
)

// newNear makes what it takes, in set.
func newNear(set *epollSet) (*near, error) {
	n := &near{ticker: -1, kick: -1, guard: -1}
	err := n.open()
	if err == nil {
		err = n.join(set)
	}
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *near) open() (err error) {
	if n.ticker, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	if n.guard, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	if n.kick, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	return nil
}

// join puts what near has into set.
func (n *near) join(set *epollSet) error {
	err := set.control(unix.EPOLL_CTL_ADD, uintptr(n.ticker), tickerKey, unix.EPOLLIN|unix.EPOLLET)
	if err == nil {
		err = set.control(unix.EPOLL_CTL_ADD, uintptr(n.kick), kickKey, unix.EPOLLIN|unix.EPOLLET)
	}
	if err == nil {
		err = os.NewSyscallError("epoll_ctl", unix.EpollCtl(set.outer, unix.EPOLL_CTL_ADD, n.guard, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}))
	}
	return err
}

func (n *near) close() {
	for _, fd := range []int{n.ticker, n.kick, n.guard} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// enter makes the mode what is wanted, and reports whether it is now.
func (n *near) enter(s *selector, wanted uint32) bool {
	if n.mode.Load() == wanted {
		return true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mode.Load() != quiet {
		return n.mode.Load() == wanted
	}
	if every(n.ticker, SoonLimit) != nil || wanted == led && every(n.guard, guardPeriod) != nil || s.set.Load().mask(true) != nil {
		n.quieten(s)
		return false
	}
	n.mode.Store(wanted)
	return true
}

// quieten ends any mode. n.mu is held. What the kernel refuses here it could not
// do later either: these calls need no memory.
func (n *near) quieten(s *selector) {
	n.mode.Store(quiet)
	every(n.guard, 0)
	if n.leading.Load() == 0 {
		every(n.ticker, 0)
	}
	s.set.Load().mask(false)
}

// expired makes a timerfd that has expired do so again: the kernel does not go on
// before it was read (timerfd_tmrproc in fs/timerfd.c). One that has not is left
// alone.
func expired(timerfd int) {
	var times [8]byte
	unix.Read(timerfd, times[:])
}

// kicked ends the wait of the goroutine in PollSoon.
func (n *near) kicked() error {
	_, err := unix.Write(n.kick, one)
	return os.NewSyscallError("write", err)
}

// one is what an eventfd counts on by.
var one = binary.NativeEndian.AppendUint64(nil, 1)

// every makes a timerfd expire regularly, or never.
func every(fd int, period time.Duration) error {
	t := unix.NsecToTimespec(int64(period))
	return os.NewSyscallError("timerfd_settime", unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: t, Value: t}, nil))
}

// mask makes the outer set blind to the inner one, or not any more.
func (set *epollSet) mask(on bool) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}
	if on {
		ev.Events = 0
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(set.outer, unix.EPOLL_CTL_MOD, set.fd, &ev))
}

// soon is wait for PollSoon.
func (s *selector) soon() {
	n := s.near
	if !n.enter(s, polling) {
		s.poll()
		return
	}
	n.waiting.Store(true)
	if n.called.Load() && n.called.Swap(false) {
		s.poll()
	} else {
		s.n, s.err = sys.EpollWaitHere(s.set.Load().fd, s.buf[:s.max])
		s.strip()
	}
	n.waiting.Store(false)
}

// rest is called by the goroutine in Poll before it is parked. It reports whether
// it must look at the set again first.
func (s *selector) rest() bool {
	n := s.near
	if n.mode.Load() == quiet {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch n.mode.Load() {
	case quiet:
		return true // somebody has just ended it
	case led:
		if leads := n.leads.Load(); n.leading.Load() > 0 || leads != n.seen {
			n.seen = leads
			expired(n.guard)
			return false
		}
	}
	n.quieten(s)
	return true
}

// lead is Lead.
func (p *Poll) lead(events *Events) (int, bool) {
	s, n := p.sel, p.sel.near
	if !n.enter(s, led) {
		return 0, false
	}
	n.leading.Add(1)
	leads := n.mode.Load() == led
	if leads {
		n.leads.Add(1)
		var buf [leadMost]unix.EpollEvent
		k, err := sys.EpollWaitHere(s.set.Load().fd, buf[:min(leadMost, events.Cap())])
		leads = err == nil
		for i := range k {
			switch key := eventKey(&buf[i]); key {
			case tickerKey:
				expired(n.ticker)
			case timerKey:
				s.wake() // it is the time that Poll waits for
			default:
				p.pick(events, key, readiness(buf[i].Events))
			}
		}
	}
	if left := n.leading.Add(-1); n.mode.Load() != led {
		n.mu.Lock()
		if left == 0 && n.mode.Load() == quiet {
			every(n.ticker, 0)
		}
		n.mu.Unlock()
		leads = false
	}
	return events.Len(), leads
}

// leadMost is how many events a leader takes at once: it expects one.
const leadMost = 8

// follow is Follow.
func (p *Poll) follow() {
	n := p.sel.near
	n.mu.Lock()
	ends := n.mode.Load() == led
	if ends {
		n.quieten(p.sel)
	}
	n.mu.Unlock()
	if ends {
		p.sel.wake() // to look into the set: see near
	}
}
