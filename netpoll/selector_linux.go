package netpoll

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/internal/sys"
)

// selector on epoll(7).
//
// An epoll descriptor is itself pollable. It is wrapped in an os.File and so
// registered with Go's own poller: a goroutine that waits here is parked like
// one that waits for a socket, no thread of ours blocks in the kernel, and
// being woken costs no hand-over between threads.
//
// Waking uses the same file: a read deadline in the past ends the wait without
// a system call. Moments are waited for with a timerfd in the epoll set, since
// Go's poller rounds to milliseconds.
type selector struct {
	epfd int
	file *os.File // owns epfd
	raw  syscall.RawConn
	ask  func(uintptr) bool // poll, made once so that wait allocates nothing

	// Used by the waiting goroutine alone.
	buf     []unix.EpollEvent
	max     int
	n       int
	err     error
	timerfd int
	armed   int64 // moment that the timerfd is set to, never when it is not
}

// timerKey marks the timerfd's events; no slot has this key.
const timerKey = ^uint64(0)

func newSelector() (*selector, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// NewFile registers with Go's poller only what is non-blocking.
	if err := unix.SetNonblock(epfd, true); err != nil {
		unix.Close(epfd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	s := &selector{epfd: epfd, file: os.NewFile(uintptr(epfd), "epoll"), armed: never}
	s.ask = s.poll
	if s.timerfd, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		s.file.Close()
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	// Edge-triggered: each expiry is one event, and the timer need never be
	// read.
	err = s.control(unix.EPOLL_CTL_ADD, uintptr(s.timerfd), timerKey, unix.EPOLLIN|unix.EPOLLET)
	if err == nil {
		s.raw, err = s.file.SyscallConn()
	}
	if err == nil {
		// A file that Go's poller did not take has no deadlines; waiting on
		// it would spin.
		err = s.file.SetReadDeadline(time.Time{})
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
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

func (s *selector) control(op int, fd uintptr, key uint64, m uint32) error {
	ev := unix.EpollEvent{Events: m, Fd: int32(key), Pad: int32(key >> 32)}
	switch err := unix.EpollCtl(s.epfd, op, int(fd), &ev); err {
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
	return s.control(unix.EPOLL_CTL_ADD, fd, key, mask(interest, opts))
}

func (s *selector) modify(fd uintptr, key uint64, interest Ready, opts PollOpt) error {
	return s.control(unix.EPOLL_CTL_MOD, fd, key, mask(interest, opts))
}

func (s *selector) remove(fd uintptr) error {
	return s.control(unix.EPOLL_CTL_DEL, fd, 0, 0)
}

// forget does nothing: the kernel drops a descriptor when the last reference
// to its open file goes.
func (s *selector) forget(uintptr) {}

// poll asks the kernel without blocking; it reports whether to stop waiting.
func (s *selector) poll(uintptr) bool {
	s.n, s.err = sys.EpollWait(s.epfd, s.buf[:s.max])
	return s.n != 0 || s.err != nil
}

func (s *selector) wait(max int, until int64) (int, error) {
	if len(s.buf) < max {
		s.buf = make([]unix.EpollEvent, max)
	}
	s.max, s.n, s.err = max, 0, nil
	switch {
	case until == 0:
		s.poll(0)
		return s.n, s.err
	case until != never:
		if err := s.arm(until); err != nil {
			return 0, err
		}
	}
	err := s.raw.Read(s.ask)
	if errors.Is(err, os.ErrDeadlineExceeded) { // wake was called
		if err = s.file.SetReadDeadline(time.Time{}); err == nil {
			s.poll(0)
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
	key = uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32
	if key == timerKey {
		s.armed = never
		return 0, 0
	}
	m := ev.Events
	if m&unix.EPOLLIN != 0 {
		ready |= Readable
	}
	if m&unix.EPOLLOUT != 0 {
		ready |= Writable
	}
	if m&unix.EPOLLPRI != 0 {
		ready |= Priority
	}
	if m&unix.EPOLLRDHUP != 0 {
		ready |= Readable | ReadClosed
	}
	if m&unix.EPOLLHUP != 0 {
		ready |= Readable | Writable | Hup | ReadClosed | WriteClosed
	}
	if m&unix.EPOLLERR != 0 {
		ready |= Readable | Writable | Error
		if m&(unix.EPOLLIN|unix.EPOLLHUP) == 0 { // the write end of a pipe without readers
			ready |= WriteClosed
		}
	}
	return key, ready
}

func (s *selector) wake() error {
	return s.file.SetReadDeadline(longAgo)
}

var longAgo = time.Unix(1, 0)

func (s *selector) close() error {
	unix.Close(s.timerfd)
	return s.file.Close()
}
