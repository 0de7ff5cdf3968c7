//go:build unix && (!linux || moor_poll)

package netpoll

import (
	"iter"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/mono"
)

// selector on poll(2), for systems without a better one. Its cost grows with
// the number of descriptors, and a thread is blocked while it waits.
//
// poll(2) only knows what is ready now, so edges are found by comparing: a
// source that was reported is not reported again before it was seen not ready.
// The selector looks at every source when wait begins and after every wake-up,
// and then sleeps on the rest of them, those that would report something new.
//
// What it can't see is a source that was used until it would block and became
// ready again in between two looks. The owner can say so, with rearm, and then
// is told at once; package runtime does this for all its connections. For the
// others the selector guesses: a source that stays ready is reported again
// after edgeRepeats, and then at growing intervals, unless rearm was called
// for it once.
type selector struct {
	pipe [2]int // wakes whoever sleeps in poll(2)

	mu       sync.Mutex // not held while sleeping
	sources  []polled
	index    []int32 // by descriptor: 1 + its place in sources, 0 for none
	next     int     // place where the next look begins, so that all get a turn
	again    int64   // moment of the earliest repeated edge, never for none
	woken    bool    // wake was called
	sleeping bool
	kicked   bool // the pipe was written to

	// Used by the waiting goroutine alone.
	fds    []unix.PollFd
	places []int32 // of fds, in sources
	out    []polledEvent
}

type polledEvent struct {
	key   uint64
	ready Ready
}

const (
	needsRearm = true
	fresh      = false

	edgeRepeats     = 10 * time.Millisecond
	mostReadRepeat  = 40 * time.Millisecond  // unread data is rare, and then someone may wait for it
	mostWriteRepeat = 320 * time.Millisecond // being writable is the rule
)

func newSelector() (*selector, error) {
	s := &selector{again: never}
	if err := newPipe(&s.pipe); err != nil {
		return nil, err
	}
	return s, nil
}

// place returns where fd's source is, or -1.
func (s *selector) place(fd uintptr) int {
	if fd >= uintptr(len(s.index)) {
		return -1
	}
	return int(s.index[fd]) - 1
}

func (s *selector) add(fd uintptr, key uint64, interest Ready, opts PollOpt) error {
	file, err := identify(fd)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.place(fd)
	if i >= 0 && !s.sources[i].closed && s.sources[i].file == file {
		return ErrAlreadyRegistered
	}
	if i < 0 {
		for uintptr(len(s.index)) <= fd {
			s.index = append(s.index, 0)
		}
		i = len(s.sources)
		s.sources = append(s.sources, polled{})
		s.index[fd] = int32(i + 1)
	}
	s.sources[i] = polled{file: file}
	s.sources[i].arm(watch{fd, key, interest, opts})
	return s.kick()
}

func (s *selector) modify(fd uintptr, key uint64, interest Ready, opts PollOpt) error {
	file, err := identify(fd)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.place(fd)
	if i < 0 || s.sources[i].closed || s.sources[i].file != file {
		return ErrNotRegistered
	}
	s.sources[i].arm(watch{fd, key, interest, opts})
	return s.kick()
}

func (s *selector) remove(fd uintptr, key uint64) error {
	file, err := identify(fd)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.place(fd)
	if i < 0 || s.sources[i].key != key {
		return ErrNotRegistered // closed, and its number was added again
	}
	closed := err != nil || s.sources[i].closed || s.sources[i].file != file
	if err := s.drop(i); err != nil {
		return err
	}
	if closed {
		return ErrNotRegistered
	}
	return nil
}

func (s *selector) forget(fd uintptr, key uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.place(fd); i >= 0 && s.sources[i].key == key {
		return s.drop(i)
	}
	return nil
}

// drop takes a source out, and makes a sleeping wait let go of it: the system
// keeps a file open while it is polled. s.mu is held.
func (s *selector) drop(i int) error {
	fd := s.sources[i].fd
	last := len(s.sources) - 1
	s.sources[i] = s.sources[last]
	s.index[s.sources[i].fd] = int32(i + 1)
	s.index[fd] = 0
	s.sources = s.sources[:last]
	return s.kick()
}

func (s *selector) rearm(fd uintptr, key uint64, ready Ready) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.place(fd); i >= 0 && s.sources[i].key == key && s.sources[i].rearm(ready) {
		return s.kick()
	}
	return nil
}

func (s *selector) renew(iter.Seq[watch]) {}

// kick makes the sleeper look again. s.mu is held.
func (s *selector) kick() error {
	if !s.sleeping || s.kicked {
		return nil
	}
	if _, err := unix.Write(s.pipe[1], []byte{0}); err != nil {
		return os.NewSyscallError("write", err)
	}
	s.kicked = true
	return nil
}

func (s *selector) wake() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.woken = true
	return s.kick()
}

func (s *selector) wait(max int, until int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if err := s.look(max); err != nil {
			return 0, err
		}
		if len(s.out) > 0 || until <= mono.Now() {
			return len(s.out), nil
		}
		if s.woken {
			s.woken = false
			return 0, nil
		}
		if err := s.sleep(min(until, s.again)); err != nil {
			return 0, err
		}
	}
}

func (s *selector) event(i int) (key uint64, ready Ready) {
	return s.out[i].key, s.out[i].ready
}

// look asks what is ready and stores up to most events. s.mu is held.
func (s *selector) look(most int) error {
	s.out, s.fds, s.places, s.again = s.out[:0], s.fds[:0], s.places[:0], never
	for n := range s.sources {
		i := (s.next + n) % len(s.sources)
		if p := &s.sources[i]; p.live() {
			s.fds = append(s.fds, pollFD(p.fd, p.interest))
			s.places = append(s.places, int32(i))
		}
	}
	if len(s.fds) == 0 {
		return nil
	}
	if err := poll(s.fds, 0); err != nil {
		return err
	}
	now := mono.Now()
	for n := range s.fds {
		p := &s.sources[s.places[n]]
		if len(s.out) == most {
			s.next = int(s.places[n])
			break
		}
		if ready := p.look(uint32(s.fds[n].Revents), now); ready != 0 {
			s.out = append(s.out, polledEvent{p.key, ready})
		}
		s.again = min(s.again, p.again)
	}
	return nil
}

// sleep waits until some source may have something new to report, or somebody
// kicks, or the moment until has come. s.mu is held, but not meanwhile.
func (s *selector) sleep(until int64) error {
	s.fds = append(s.fds[:0], unix.PollFd{Fd: int32(s.pipe[0]), Events: unix.POLLIN})
	for i := range s.sources {
		switch p := &s.sources[i]; {
		case !p.live():
		case p.told&(Hup|Error) == 0:
			s.fds = append(s.fds, pollFD(p.fd, p.interest&^p.told))
		case !p.hooked:
			// The system would report that again and again, so this sleeps
			// without it. But a socket that was not connected yet can be by
			// and by, and an error is gone once it was asked for.
			until = min(until, mono.Now()+int64(mostWriteRepeat))
		}
	}
	s.sleeping = true
	s.mu.Unlock()
	err := poll(s.fds, until)
	s.mu.Lock()
	s.sleeping = false
	if s.kicked {
		s.kicked = false
		var b [1]byte
		if _, err := unix.Read(s.pipe[0], b[:]); err != nil && err != unix.EINTR {
			return os.NewSyscallError("read", err)
		}
	}
	return err
}

func (s *selector) close() error {
	unix.Close(s.pipe[0])
	return unix.Close(s.pipe[1])
}
