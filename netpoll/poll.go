package netpoll

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/internal/readyq"
	"github.com/moor-net/moor/internal/slots"
)

// A Poll waits for many sources at once. All methods may be called from any
// goroutine at any time; see the package comment for what is portable.
type Poll struct {
	sel   *selector
	table slots.Table[attachment]
	user  *readyq.Queue // user-space sources
	turn  chan struct{} // holds a token while a goroutine is in Poll
	woken atomic.Bool   // Wake was called and no Poll call has answered it
	odd   int           // whose turn it is to get the odd slot: see share
	stale int           // rounds in a row that brought stale events and no other: see renew
	stray bool          // ErrStrayPacket came together with events: the next call returns it

	attached atomic.Uint32 // Attach calls so far
	changing sync.RWMutex  // held for reading while the selector is told a change: see begin

	// users counts the calls in progress, plus one until Close, plus closedBit
	// from then on. Whoever brings the count to zero closes the selector;
	// calls that come too late do not count.
	users  atomic.Int64
	closed chan struct{}

	fds fdSlots
}

const closedBit = 1 << 62

// New returns a Poll. The caller closes it. It returns an error that matches
// errors.ErrUnsupported on systems without a selector, and otherwise what the
// system said, such as EMFILE.
func New() (*Poll, error) {
	sel, err := newSelector()
	if err != nil {
		return nil, err
	}
	p := &Poll{sel: sel, turn: make(chan struct{}, 1), closed: make(chan struct{})}
	p.users.Store(1)
	p.user = readyq.New(p.wakeSleeper, errClosed)
	p.fds.slots = map[uintptr]Slot{}
	return p, nil
}

var errClosed = fmt.Errorf("netpoll: Poll is closed: %w", os.ErrClosed)

// enter keeps the selector from being closed until leave. It does not count
// those who come too late: the count reaches zero once.
func (p *Poll) enter() error {
	for {
		n := p.users.Load()
		if n&closedBit != 0 {
			return errClosed
		}
		if p.users.CompareAndSwap(n, n+1) {
			return nil
		}
	}
}

// leave ends what enter began. If it is the last one's, after Close, another
// goroutine releases everything: the caller may hold locks that are taken by what
// is called back then, the Done of operations that end (Windows).
func (p *Poll) leave() {
	if p.last() {
		go p.release()
	}
}

// last ends what enter began. If it reports true the caller calls release.
func (p *Poll) last() bool { return p.users.Add(-1) == closedBit }

func (p *Poll) release() {
	p.sel.close()
	p.user.Discard()
}

// Close ends the Poll and everything registered with it; the sources
// themselves stay open. A goroutine blocked in Poll returns with an error that
// matches os.ErrClosed, and so does every later call. Closing twice is such an
// error too.
func (p *Poll) Close() error {
	for {
		n := p.users.Load()
		if n&closedBit != 0 {
			return errClosed
		}
		if p.users.CompareAndSwap(n, n|closedBit) {
			break
		}
	}
	close(p.closed)
	p.user.Close()
	p.sel.wake() // fails for no reason that Close could mend
	if p.last() {
		p.release()
	}
	return nil
}

// Register registers src under token: see Source.
func (p *Poll) Register(src Source, token Token, interest Ready, opts PollOpt) error {
	if err := check(token, opts); err != nil {
		return err
	}
	return src.Register(p, token, interest, opts)
}

// Reregister replaces src's token, interest and options: see Source.
func (p *Poll) Reregister(src Source, token Token, interest Ready, opts PollOpt) error {
	if err := check(token, opts); err != nil {
		return err
	}
	return src.Reregister(p, token, interest, opts)
}

// Deregister ends src's registration: see Source.
func (p *Poll) Deregister(src Source) error { return src.Deregister(p) }

// Wake makes the Poll call in progress, or else the next one, return; it may
// have no events. Several calls before that count as one. It returns an error
// that matches os.ErrClosed when the Poll is closed.
func (p *Poll) Wake() error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	if p.woken.Swap(true) {
		return nil
	}
	err := p.sel.wake()
	if err != nil {
		p.woken.Store(false) // the next one tries again
	}
	return err
}

// Poll clears events, waits until at least one source is ready, stores at most
// events.Cap() events and returns their number; more come with the next call.
// A negative timeout waits for ever, zero only asks. A positive one is never
// cut short, but Poll may return without events for other reasons: Wake, or
// none that concerns the caller. Goroutines that call Poll at the same time
// take turns, and each event is delivered to one of them.
func (p *Poll) Poll(events *Events, timeout time.Duration) (int, error) {
	events.clear()
	until := int64(never)
	if timeout == 0 {
		until = 0
	} else if timeout > 0 {
		until = mono.After(timeout)
	}
	if got, err := p.arrive(until); !got {
		return 0, err
	}
	defer p.depart()
	if p.stray {
		p.stray = false
		return 0, ErrStrayPacket
	}
	block := until
	for hidden := 0; ; {
		if p.woken.Load() && p.woken.Swap(false) {
			block = 0
		}
		stale, err := p.round(events, block)
		if err != nil {
			return 0, err
		}
		switch {
		case p.users.Load()&closedBit != 0:
			events.clear()
			return 0, errClosed
		case events.Len() > 0:
			return events.Len(), nil
		case stale && hidden < 2*staleRounds:
			hidden++ // what came instead of events may have taken their room
		case block == 0 || until != never && mono.Now() >= until:
			return 0, nil
		}
	}
}

// arrive makes the caller the one who is in Poll, until depart. When the moment
// until comes first it reports false and no error.
func (p *Poll) arrive(until int64) (bool, error) {
	if got, err := p.takeTurn(until); !got {
		return false, err
	}
	if err := p.enter(); err != nil {
		<-p.turn
		return false, err
	}
	return true, nil
}

func (p *Poll) depart() {
	if p.last() {
		p.release()
	}
	<-p.turn
}

// takeTurn waits until no other goroutine is in Poll. When the moment until
// comes first it reports false and no error.
func (p *Poll) takeTurn(until int64) (bool, error) {
	if p.users.Load()&closedBit != 0 {
		return false, errClosed // also while a call is about to notice
	}
	select {
	case p.turn <- struct{}{}:
		return true, nil
	default:
	}
	if until == 0 {
		return false, nil
	}
	var timeout <-chan time.Time
	if until != never {
		t := time.NewTimer(mono.Until(until))
		defer t.Stop()
		timeout = t.C
	}
	select {
	case p.turn <- struct{}{}:
		return true, nil
	case <-timeout:
		return false, nil
	case <-p.closed:
		return false, errClosed
	}
}

// round collects events once: it waits for one until the moment until, unless
// user-space sources are ready already.
//
// While both kinds are ready each gets half of the room, and what one leaves
// over goes to the other. The user-space sources come first because they never
// need waiting for. It reports whether all that came was stale.
func (p *Poll) round(events *Events, until int64) (stale bool, err error) {
	defer p.user.EndRound()
	busy := p.user.Fetch(until != 0)
	if busy {
		until = 0
		p.deliver(events, p.share(events.Cap()))
	}
	var n int
	if room := events.room(); room > 0 {
		n, err = p.sel.wait(room, until)
	}
	if !busy { // not twice, or an edge could fire twice in one call
		p.user.Fetch(false)
	}
	stale = p.collect(events, n)
	p.deliver(events, events.room())
	if events.Len() > 0 {
		p.stray = err == ErrStrayPacket
		return false, nil // any other error comes again
	}
	return stale, err
}

// pick stores an event of the selector. It reports false when that is of a
// registration that has ended; one that means nothing to it is dropped.
func (p *Poll) pick(events *Events, key uint64, ready Ready) bool {
	h := slots.Handle(key)
	a := p.table.Get(h)
	if a == nil {
		return false
	}
	token, m := Token(a.token.Load()), meta(a.meta.Load())
	if !p.table.Current(h) {
		return true
	}
	ready &= m.interest().reported()
	if ready == 0 || m.opts()&OneShot != 0 && !a.spend(m) {
		return true
	}
	events.add(token, ready)
	return true
}

// share returns how many of capacity slots the user-space sources may take
// before the system was asked: half, and of an odd number the greater half
// every other time.
func (p *Poll) share(capacity int) int {
	p.odd ^= 1
	return (capacity + p.odd) / 2
}

// collect moves the selector's n events into events. Those whose slot has
// another tenant by now, or another interest, are dropped. It reports whether
// all were stale: of registrations that have ended.
func (p *Poll) collect(events *Events, n int) bool {
	stale := 0
	for i := range n {
		if key, ready := p.sel.event(i); !p.pick(events, key, ready) {
			stale++
		}
	}
	if stale == 0 || stale < n {
		p.stale = 0
		return false
	}
	if p.stale++; p.stale == staleRounds {
		p.stale = 0
		p.renew()
	}
	return true
}
