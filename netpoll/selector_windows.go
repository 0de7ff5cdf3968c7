package netpoll

import (
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/internal/wheel"
)

// selector on an I/O completion port. Sockets are watched by requests to the
// driver below Winsock (afd_windows.go), each of which tells once; so they are
// repeated: of a level-triggered source before each wait that follows an event,
// of an edge-triggered one when its owner says that an operation would block.
//
// What it can't see is an edge-triggered source that was used until it would
// block when nobody says so. Package runtime says it for all its connections. For
// the others the selector guesses: it asks again after a while, and at growing
// intervals as long as the source turns out to be ready.
type selector struct {
	port    port
	wakes   port // the same, for the wake-ups; tests make it refuse them
	foreign foreign
	posted  atomic.Bool // a wake-up is at the port, or owed

	mu        sync.Mutex
	byFD      map[uintptr]*sock // the registered ones
	byNumber  []*sock           // also those that are gone, until their packet has come
	numbers   []uint32          // free places of byNumber
	afds      []*afd            // all
	roomy     []*afd            // those that take more sockets
	requests  int               // pending or cancelling
	gone      int               // socks that are gone
	ended     bool              // the port is about to be closed
	levels    []*sock           // told, to be asked for again before the next wait
	repeats   wheel.Wheel[*sock]
	out       []polledEvent // found, not yet returned by wait
	strangers []packet      // found by sweep, for wait to deliver

	// Used by the waiting goroutine alone.
	buf    []packet
	events []polledEvent // of the last wait
	stray  bool          // a packet was nobody's, which is to be reported
}

type polledEvent struct {
	key   uint64
	ready Ready
}

const (
	needsRearm = true
	fresh      = false // what is ready is posted to the port, and may be old when it is taken

	edgeRepeats     = 10 * time.Millisecond
	firstRepeat     = 2 * edgeRepeats
	mostReadRepeat  = 40 * time.Millisecond  // unread data is rare, and then someone may wait for it
	mostWriteRepeat = 320 * time.Millisecond // being writable is the rule

	owedRepeats = 10 * time.Millisecond // wake-ups that the system had no memory for
)

func newSelector() (*selector, error) {
	p, err := newPort()
	if err != nil {
		return nil, err
	}
	return &selector{port: p, wakes: p, byFD: make(map[uintptr]*sock)}, nil
}

func (s *selector) add(fd uintptr, key uint64, interest Ready, opts PollOpt) error {
	base, err := baseSocket(windows.Handle(fd))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.byFD[fd]; old != nil {
		s.settle(old)
		if !s.closed(old) {
			return ErrAlreadyRegistered
		}
	}
	if s.gone > 64+len(s.byFD) { // nobody calls wait
		s.sweep()
	}
	k := &sock{watch: watch{fd: fd}, base: base}
	if err := s.admit(k); err != nil {
		return err
	}
	s.byFD[fd] = k
	k.set(key, interest, opts)
	if opts&asked == 0 {
		err = s.watchOver(k)
	}
	if err == nil {
		err = s.ask(k)
	}
	if err != nil {
		s.drop(k)
		s.unguard(k)
	}
	return err
}

func (s *selector) modify(fd uintptr, key uint64, interest Ready, opts PollOpt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.byFD[fd]
	if k == nil {
		return ErrNotRegistered
	}
	if k.closed() {
		s.drop(k)
		return ErrNotRegistered
	}
	s.unremember(k)
	k.set(key, interest, opts)
	return s.ask(k)
}

func (s *selector) remove(fd uintptr, key uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.byFD[fd]
	if k == nil || k.key != key {
		return ErrNotRegistered // closed, and its number was added again
	}
	if s.closed(k) {
		return ErrNotRegistered
	}
	s.drop(k)
	s.cancel(k)
	s.unguard(k)
	return nil
}

// forget leaves the requests to the closing of the socket, which ends them.
func (s *selector) forget(fd uintptr, key uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.byFD[fd]; k != nil && k.key == key {
		s.drop(k)
	}
	return nil
}

func (s *selector) rearm(fd uintptr, key uint64, ready Ready) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.byFD[fd]
	if k == nil || k.key != key || k.opts&Edge == 0 {
		return nil
	}
	if k.closed() {
		s.drop(k)
		return ErrNotRegistered
	}
	if !k.hooked {
		s.unremember(k)
		k.hooked, k.repeat = true, nil
	}
	k.told &^= ready | Error | Hup | ReadClosed | WriteClosed
	return s.ask(k)
}

// renew does nothing: what was removed is not asked for any more.
func (s *selector) renew(iter.Seq[watch]) {}

// wake posts a packet, unless one is there that no wait has taken: whoever takes
// it clears posted first and looks at what has changed afterwards. It does not
// fail, because others may rely on that packet already.
func (s *selector) wake() error {
	if !s.posted.Swap(true) {
		s.post()
	}
	return nil
}

// post queues a wake-up, for which posted stands already. When the system has no
// memory for it, it is owed, and comes as soon as there is some.
func (s *selector) post() {
	if s.wakes.post(wakeKey) == nil {
		return
	}
	time.AfterFunc(owedRepeats, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.ended {
			s.post()
		}
	})
}

func (s *selector) wait(max int, until int64) (int, error) {
	if len(s.buf) < max {
		s.buf = make([]packet, max)
	}
	s.prepare()
	for woken, full := false, false; ; {
		s.hand(max)
		if s.stray && len(s.events) == 0 {
			s.stray = false
			return 0, ErrStrayPacket
		}
		if len(s.events) > 0 || woken && !full {
			return len(s.events), nil
		}
		if woken {
			until = 0 // what took the place of an event may have been the wake-up
		}
		n, err := s.port.dequeue(s.buf[:max], s.timeout(until))
		if err != nil {
			return 0, err
		}
		if n == 0 {
			if until <= mono.Now() {
				return 0, nil
			}
			s.repeatDue()
			continue
		}
		woken, full = s.process(s.buf[:n]) || woken, n == max
	}
}

// prepare asks again for what was told last time, and for what is due.
func (s *selector) prepare() {
	s.mu.Lock()
	n := len(s.levels)
	for _, k := range s.levels[:n] {
		if k.again {
			k.again = false
			s.askLater(k)
		}
	}
	s.levels = slices.Delete(s.levels, 0, n) // refused ones have come anew
	due := s.repeats.Len() > 0
	s.mu.Unlock()
	if due {
		s.repeatDue()
	}
}

// repeatDue forgets what was told of the sources whose time has come.
func (s *selector) repeatDue() {
	now := mono.Now()
	s.mu.Lock()
	s.repeats.Expire(now, func(t *wheel.Timer[*sock]) {
		t.Owner.told = 0
		t.Owner.repeat.asked = now
		s.askLater(t.Owner)
	})
	s.mu.Unlock()
}

// hand moves up to max of the events that were found to those that wait returns.
func (s *selector) hand(max int) {
	s.mu.Lock()
	n := min(max, len(s.out))
	s.events = append(s.events[:0], s.out[:n]...)
	s.out = append(s.out[:0], s.out[n:]...)
	s.mu.Unlock()
}

func (s *selector) event(i int) (key uint64, ready Ready) {
	return s.events[i].key, s.events[i].ready
}

// timeout returns the milliseconds until the moment until, or the next repeated
// edge, rounded up. Zero asks.
func (s *selector) timeout(until int64) uint32 {
	if until == 0 {
		return noWait
	}
	s.mu.Lock()
	until = min(until, s.repeats.Next())
	s.mu.Unlock()
	if until == never {
		return forever
	}
	ms := (mono.Until(until) + time.Millisecond - 1) / time.Millisecond
	return uint32(min(ms, math.MaxInt32))
}

// process handles what came out of the port. It reports whether wait has to
// return although there may be no event.
func (s *selector) process(packets []packet) (woken bool) {
	s.mu.Lock()
	strangers := s.strangers
	s.strangers = nil
	for i := range packets {
		switch p := &packets[i]; p.key {
		case wakeKey:
			s.posted.Store(false)
			woken = true
		case afdKey:
			s.answered(p)
		case foreignKey:
			strangers = append(strangers, *p)
		}
	}
	s.mu.Unlock()
	for i := range strangers {
		if !s.foreign.complete(&strangers[i]) {
			s.stray = true
		}
	}
	return woken || strangers != nil
}

// sweep takes what is at the port, on another goroutine than wait's, which is
// woken for what that is to have. s.mu is held.
func (s *selector) sweep() {
	var buf [64]packet
	wake := false
	for n := len(buf); n == len(buf); {
		var err error
		if n, err = s.port.dequeue(buf[:], noWait); err != nil {
			break
		}
		for i := range n {
			switch p := &buf[i]; p.key {
			case wakeKey:
				wake = true
			case afdKey:
				s.answered(p)
			case foreignKey:
				s.strangers = append(s.strangers, *p)
			}
		}
	}
	if wake || len(s.out) > 0 || s.strangers != nil {
		s.posted.Store(true)
		s.post()
	}
}

// close waits for the packets of all that is in progress: until then the kernel
// may write to its memory. All is cancelled, so they come at once; if one does
// not, its memory is never used again.
func (s *selector) close() error {
	for _, k := range s.byFD {
		s.drop(k)
	}
	for _, a := range s.afds {
		a.cancelAll()
	}
	buf := make([]packet, 64)
	const patience = 10 // seconds
	s.foreign.cancelAll()
	for waited := 0; (s.requests > 0 || s.foreign.len() > 0) && waited < patience; {
		n, err := s.port.dequeue(buf, 1000)
		if err != nil {
			break
		}
		if n == 0 {
			waited++
		}
		s.process(buf[:n])
	}
	s.process(nil)
	if s.foreign.len() == 0 {
		s.foreign.unroot()
	}
	for _, a := range s.afds {
		a.close()
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.port.close()
	return nil
}
