//go:build !moor_poll

package netpoll

import (
	"errors"
	"iter"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/internal/sys"
)

// selector on epoll(7).
type selector struct {
	set     atomic.Pointer[epollSet] // replaced by renew
	timerfd int
	ask     func(uintptr) bool // look, made once so that wait allocates nothing
	near    *near

	// Used by the waiting goroutine alone.
	buf     []unix.EpollEvent
	max     int
	n       int
	err     error
	armed   int64 // moment that the timerfd is set to, never when it is not
	expired bool  // the wait ends because the timerfd's moment has come
}

// An epollSet is an epoll descriptor.
//
// It is itself pollable. It is in a second, outer one, which is wrapped in an
// os.File and so registered with Go's own poller: a goroutine that waits here is
// parked like one that waits for a socket, no thread of ours blocks in the kernel,
// and being woken costs no hand-over between threads. The outer set has nothing
// else to do than to be made blind while somebody does wait in the kernel: see
// near.
//
// Waking uses the same file: a read deadline in the past ends the wait without
// a system call. Moments are waited for with a timerfd in the epoll set, since
// Go's poller rounds to milliseconds.
type epollSet struct {
	fd    int
	outer int
	file  *os.File // owns outer
	raw   syscall.RawConn
}

// close closes both descriptors.
func (set *epollSet) close() error {
	return errors.Join(set.file.Close(), os.NewSyscallError("close", unix.Close(set.fd)))
}

// The kernel sees what makes a source ready again.
const (
	needsRearm  = false
	edgeRepeats = 0
	fresh       = true // epoll looks at a source again when it hands out its event
)

// timerKey marks the timerfd's events; no slot has this key.
const timerKey = ^uint64(0)

func newSelector() (*selector, error) {
	timerfd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	set, err := newEpollSet(timerfd)
	if err != nil {
		unix.Close(timerfd)
		return nil, err
	}
	near, err := newNear(set)
	if err != nil {
		set.close()
		unix.Close(timerfd)
		return nil, err
	}
	s := &selector{timerfd: timerfd, near: near, armed: never}
	s.set.Store(set)
	s.ask = s.look
	return s, nil
}

// newEpollSet returns a set with the timer in it.
func newEpollSet(timerfd int) (*epollSet, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	set := &epollSet{fd: fd}
	if err := set.wrap(); err != nil {
		unix.Close(fd)
		return nil, err
	}
	// Edge-triggered: each expiry is one event, and the timer need never be
	// read.
	if err := set.control(unix.EPOLL_CTL_ADD, uintptr(timerfd), timerKey, unix.EPOLLIN|unix.EPOLLET); err != nil {
		set.close()
		return nil, err
	}
	return set, nil
}

// wrap makes the outer set.
func (set *epollSet) wrap() (err error) {
	if set.outer, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	// NewFile registers with Go's poller only what is non-blocking.
	if err := unix.SetNonblock(set.outer, true); err != nil {
		unix.Close(set.outer)
		return os.NewSyscallError("fcntl", err)
	}
	set.file = os.NewFile(uintptr(set.outer), "epoll")
	err = os.NewSyscallError("epoll_ctl", unix.EpollCtl(set.outer, unix.EPOLL_CTL_ADD, set.fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET}))
	if err == nil {
		set.raw, err = set.file.SyscallConn()
	}
	if err == nil {
		// A file that Go's poller did not take has no deadlines; waiting on
		// it would spin.
		err = set.file.SetReadDeadline(time.Time{})
	}
	if err != nil {
		set.file.Close()
	}
	return err
}

// mask translates an interest and options for epoll_ctl(2).
func mask(interest Ready, opts PollOpt) uint32 {
	var m uint32
	if interest&Readable != 0 {
		m |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if interest&Writable != 0 {
		m |= unix.EPOLLOUT
	}
	if interest&Priority != 0 {
		m |= unix.EPOLLPRI
	}
	if interest&ReadClosed != 0 {
		m |= unix.EPOLLRDHUP
	}
	if opts&OneShot != 0 {
		m |= unix.EPOLLONESHOT
	}
	// The kernel reports errors and hang-ups unasked. A level-triggered
	// source without interest would report them for ever.
	if opts&Edge != 0 || m&^unix.EPOLLONESHOT == 0 {
		m |= unix.EPOLLET
	}
	return m
}

func (set *epollSet) control(op int, fd uintptr, key uint64, m uint32) error {
	ev := unix.EpollEvent{Events: m, Fd: int32(key), Pad: int32(key >> 32)}
	switch err := unix.EpollCtl(set.fd, op, int(fd), &ev); err {
	case nil:
		return nil
	case unix.EEXIST:
		return ErrAlreadyRegistered
	case unix.ENOENT:
		return ErrNotRegistered
	default:
		return os.NewSyscallError("epoll_ctl", err)
	}
}

func (s *selector) add(fd uintptr, key uint64, interest Ready, opts PollOpt) error {
	return s.set.Load().control(unix.EPOLL_CTL_ADD, fd, key, mask(interest, opts))
}

func (s *selector) modify(fd uintptr, key uint64, interest Ready, opts PollOpt) error {
	return s.set.Load().control(unix.EPOLL_CTL_MOD, fd, key, mask(interest, opts))
}

func (s *selector) remove(fd uintptr, _ uint64) error {
	err := s.set.Load().control(unix.EPOLL_CTL_DEL, fd, 0, 0)
	if errors.Is(err, unix.EBADF) {
		return ErrNotRegistered // dropped when it was closed
	}
	return err
}

// forget does nothing: the kernel drops a descriptor when the last reference
// to its open file goes.
func (s *selector) forget(uintptr, uint64) error { return nil }

func (s *selector) rearm(uintptr, uint64, Ready) error { return nil }

// renew moves to a new set. See epoll(7), "Questions and answers", 6: what a
// duplicate keeps open stays in the old one.
func (s *selector) renew(all iter.Seq[watch]) {
	set, err := newEpollSet(s.timerfd)
	if err != nil {
		return
	}
	n := s.near
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.join(set) != nil || n.mode.Load() != quiet && set.mask(true) != nil {
		set.close()
		return
	}
	old := s.set.Load()
	for w := range all {
		m := mask(w.interest, w.opts)
		// The old set knows whether the number still names the same file.
		if old.control(unix.EPOLL_CTL_MOD, w.fd, w.key, m) != nil {
			continue
		}
		switch err := set.control(unix.EPOLL_CTL_ADD, w.fd, w.key, m); {
		case errors.Is(err, unix.ENOMEM), errors.Is(err, unix.ENOSPC):
			set.close()
			return
		}
	}
	// A wake of the old set is not lost: poll.go looks at everything again
	// before it waits.
	s.set.Store(set)
	old.close()
}

// look reports whether to stop waiting.
func (s *selector) look(uintptr) bool { return s.poll() || s.rest() && s.poll() }

// poll asks the kernel without blocking; it reports whether to stop waiting.
func (s *selector) poll() bool {
	for {
		s.n, s.err = sys.EpollWait(s.set.Load().fd, s.buf[:s.max])
		if s.strip() && s.n == 0 && s.max == 1 {
			continue // it took the room of an event
		}
		return s.n != 0 || s.err != nil || s.expired
	}
}

// strip takes what is the selector's own out of the events. It reports whether
// there was any.
func (s *selector) strip() bool {
	before := s.n
	for i := 0; i < s.n; {
		key := eventKey(&s.buf[i])
		if key < ownKeys {
			i++
			continue
		}
		s.n--
		s.buf[i] = s.buf[s.n]
		switch key {
		case timerKey:
			s.armed, s.expired = never, true
		case tickerKey:
			expired(s.near.ticker)
		}
	}
	return s.n < before
}

func eventKey(ev *unix.EpollEvent) uint64 {
	return uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32
}

func (s *selector) wait(max int, until int64) (int, error) {
	if len(s.buf) < max {
		s.buf = make([]unix.EpollEvent, max)
	}
	s.max, s.n, s.err, s.expired = max, 0, nil, false
	switch {
	case until == 0:
		s.poll()
		return s.n, s.err
	case until == soon:
		s.soon()
		return s.n, s.err
	case until != never:
		if err := s.arm(until); err != nil {
			return 0, err
		}
	}
	set := s.set.Load()
	err := set.raw.Read(s.ask)
	if errors.Is(err, os.ErrDeadlineExceeded) { // wake was called
		if err = set.file.SetReadDeadline(time.Time{}); err == nil {
			s.poll()
		}
	}
	if err != nil {
		return 0, err
	}
	return s.n, s.err
}

// arm sets the timerfd to the moment until, unless it fires earlier anyway:
// the wait then ends without an event and the caller waits again.
func (s *selector) arm(until int64) error {
	if s.armed <= until && s.armed > mono.Now() {
		return nil
	}
	// A value of zero would disarm the timer.
	left := max(mono.Until(until), time.Nanosecond)
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(left))}
	if err := unix.TimerfdSettime(s.timerfd, 0, &spec, nil); err != nil {
		return os.NewSyscallError("timerfd_settime", err)
	}
	s.armed = until
	return nil
}

func (s *selector) event(i int) (key uint64, ready Ready) {
	ev := &s.buf[i]
	return eventKey(ev), readiness(ev.Events)
}

func (s *selector) wake() error {
	if s.near.called.Store(true); s.near.waiting.Load() {
		return s.near.kicked()
	}
	for {
		set := s.set.Load()
		err := set.file.SetReadDeadline(longAgo)
		if err == nil || s.set.Load() == set {
			return err
		}
	}
}

var longAgo = time.Unix(1, 0)

func (s *selector) close() error {
	unix.Close(s.timerfd)
	s.near.close()
	return s.set.Load().close()
}
