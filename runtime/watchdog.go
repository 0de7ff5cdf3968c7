package runtime

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/internal/goroutine"
	"github.com/moor-net/moor/internal/mono"
)

// A watchdog looks twice in every Patience at what the loops of a Runtime do.
// A loop that has the same coroutine resumed as the last time is given to a
// fresh goroutine, unless that may not be the coroutine's doing: see doubtful.
// When no loop has run a coroutine since the last look the watchdog sleeps until
// one does, so that an idle process needs no processor. It is one goroutine,
// started together with the first coroutine.
type watchdog struct {
	patience time.Duration // never if negative
	asleep   atomic.Bool   // nobody looks until bell is rung
	bell     chan struct{}
	late     atomic.Bool // processors are contended: see Loop.await
	burdens  []burden    // for each loop

	mu      sync.Mutex
	started bool
	stop    chan struct{}
	done    chan struct{}
}

const defaultPatience = time.Millisecond

// lateness is how much later than it wanted the watchdog wakes up when every
// processor is taken by somebody who computes, and not only rounded up.
const lateness = 4 * time.Millisecond

func (d *watchdog) init(patience time.Duration) {
	if patience == 0 {
		patience = defaultPatience
	}
	d.patience = patience
	d.bell = make(chan struct{}, 1)
	d.stop, d.done = make(chan struct{}), make(chan struct{})
}

// start starts the watchdog unless it was started before.
func (d *watchdog) start(rt *Runtime) {
	if d.patience < 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.started {
		d.started = true
		d.burdens = make([]burden, len(rt.loops))
		go d.run(rt.loops)
	}
}

// end ends the watchdog, for good.
func (d *watchdog) end() {
	d.mu.Lock()
	started := d.started
	d.started = true
	d.mu.Unlock()
	if started && d.patience >= 0 {
		close(d.stop)
		<-d.done
	}
}

// rouse wakes the watchdog if it sleeps. A driver calls it after it has made
// its word odd; the watchdog says that it sleeps and then looks at the words
// again. One of the two sees the other.
func (d *watchdog) rouse() {
	if d.asleep.Load() && d.asleep.CompareAndSwap(true, false) {
		d.bell <- struct{}{}
	}
}

// A sight is what the watchdog has seen of a loop.
type sight struct {
	word  uint64 // at the last look
	times int    // that it was this one
	out   bool   // threads have lost their processors meanwhile
}

// run is the watchdog's goroutine.
func (d *watchdog) run(loops []*Loop) {
	defer close(d.done)
	seen := make([]sight, len(loops))
	outs := int64(0) // how often threads had lost their processors at the last look
	next := time.NewTimer(0)
	for {
		quiet := true
		switches := involuntarySwitches()
		for i, l := range loops {
			w, s := l.word.Load(), &seen[i]
			if w != s.word {
				*s = sight{word: w}
				quiet = false
			}
			s.times++
			s.out = s.out || switches != outs
			if s.times > 1 && w&1 == 1 && !s.doubtful(l) && l.word.CompareAndSwap(w, w+1) {
				d.takeOver(l, &d.burdens[i], w)
			}
			quiet = quiet && w&1 == 0
		}
		outs = switches
		if quiet && d.fallAsleep(loops, seen) {
			select {
			case <-d.bell: // see what it is
				outs = involuntarySwitches()
				continue
			case <-d.stop:
				return
			}
		}
		before := mono.Now()
		next.Reset(d.patience / 2)
		select {
		case <-next.C:
		case <-d.stop:
			return
		}
		d.late.Store(mono.Now()-before > int64(d.patience/2+lateness))
	}
}

// doubts is how many looks in a row may find the same coroutine resumed if it may be
// that it would run, and its thread has no processor.
const doubts = 8

// doubtful reports whether the coroutine may not be to blame for having been resumed so
// long. If the kernel has taken the processor from its thread for others, another
// goroutine would have to wait for one as well: taking the loop over then costs more
// than it brings.
func (s *sight) doubtful(l *Loop) bool {
	return s.out && s.times <= doubts && goroutine.Running(l.current.Load().g.Load())
}

// fallAsleep reports whether the watchdog may sleep: nothing was resumed since
// it looked, and whatever is from now on will ring the bell.
func (d *watchdog) fallAsleep(loops []*Loop, seen []sight) bool {
	d.asleep.Store(true)
	for i, l := range loops {
		if l.word.Load() != seen[i].word && d.asleep.CompareAndSwap(true, false) {
			return false
		}
	}
	return true // or the bell is being rung
}

// takeOver gives l to a new driver. The caller has taken it from the old one, when
// its word was w.
func (d *watchdog) takeOver(l *Loop, b *burden, w uint64) {
	b.add(l, w, int64(d.patience), d.late.Load())
	l.taken.Add(1)
	l.current.Load().group.takeOvers.Add(1)
	go l.run()
}

// A burden is what the take-overs of a loop have cost it of late: with each it has
// stood still for a while.
type burden struct {
	debt  int64  // the moment at which what has happened so far is forgotten
	count uint64 // take-overs since it last was
	since uint64 // the loop's word then
}

// Take-overs are a crowd when they have cost a loop more than a tenth of its time:
// a coroutine is then moved to goroutine mode the first time that it is taken over.
// They are rife when they have become one in a few turns, from which nobody can tell
// who is next: all are then moved instead of being resumed. Where processors are
// contended take-overs may be nobody's fault.
const (
	weight    = 10  // times patience, for which a take-over counts
	crowd     = 100 // times patience
	epidemic  = 4   // take-overs, at least,
	contagion = 64  // and at most so many turns for each
)

func (b *burden) add(l *Loop, w uint64, patience int64, contended bool) {
	now := mono.Now()
	if b.debt < now {
		*b = burden{debt: now, since: w}
	}
	b.debt += weight * patience
	b.count++
	l.crowded.Store(b.debt-now > crowd*patience)
	if turns := (w - b.since) / 2; b.count >= epidemic && turns < contagion*b.count && !contended {
		l.rife.Store(b.debt)
	}
}
