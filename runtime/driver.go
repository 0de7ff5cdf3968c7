package runtime

import (
	goruntime "runtime"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/internal/goroutine"
	"github.com/moor-net/moor/internal/mono"
)

// A driver is the goroutine that runs a loop. It is always one, but not always
// the same: while it has a coroutine resumed, which may block or compute for
// long, the watchdog may make another goroutine the driver. What the driver
// needs from turn to turn is therefore in the Loop.
//
// The loop's word says whose turn it is, and only grows:
//
//	odd   the driver has resumed a coroutine
//	even  the driver does something else, which does not block
//
// The driver makes it odd. Two want to make it even: the driver, when the
// coroutine has switched back, and the watchdog. One of them succeeds. If that
// is the watchdog, the old driver has lost the loop; it still settles the
// coroutine when that switches back, and ends.
type driver struct {
	word    atomic.Uint64
	g       atomic.Uintptr            // which goroutine it is; zero when the loop has ended
	current atomic.Pointer[coroutine] // resumed last
	crowded atomic.Bool               // take-overs have become a burden: see burden
	rife    atomic.Int64              // and everybody's until this moment, zero for none
	taken   atomic.Uint64
	shed    atomic.Pointer[shedding] // what the loop gives to others, nil for nothing
	moved   atomic.Uint64

	// The driver's alone.
	ready    readyList // coroutines to be resumed
	believed int64     // until when the processor counts as contended
	yields   uint32    // how often it has given way after a turn
	woke     bool      // the last turn has woken goroutines
	soon     bool      // bet is on
	single   bool      // on a single processor
	bet      bet
}

// A readyList is a queue of coroutines.
type readyList struct {
	first, last *coroutine
}

func (r *readyList) push(co *coroutine) {
	co.next = nil
	if r.last == nil {
		r.first = co
	} else {
		r.last.next = co
	}
	r.last = co
}

func (r *readyList) shift() *coroutine {
	co := r.first
	r.first, co.next = co.next, nil
	if r.first == nil {
		r.last = nil
	}
	return co
}

// persistence is how long a driver looks for events before it waits, when others
// want its processor.
const persistence = 500 * time.Microsecond

// Wake makes the driver resume co: co is the owner of its job.
func (co *coroutine) Wake() { co.loop.ready.push(co) }

// await polls for the events of the next turn. A driver that has just run
// coroutines does not leave the processor to others who would keep it for a
// whole time slice of theirs, ten milliseconds, before it has used its own:
// the answers to what it has sent may come at any moment.
func (l *Loop) await(busy bool) (int, error) {
	if l.ready.first != nil {
		return l.poll.Poll(l.batch, 0)
	}
	if busy && l.contended() {
		for end := mono.After(persistence); mono.Now() < end; {
			if n, err := l.poll.Poll(l.batch, 0); n > 0 || err != nil {
				return n, err
			}
		}
	}
	return l.wait(l.woke)
}

// contended reports whether others who compute want the driver's processor. The
// watchdog suspects so when it wakes up late, but that may be the driver's own
// doing. It is found out by giving the processor away, and then believed for a
// second.
func (l *Loop) contended() bool {
	if !l.rt.watchdog.late.Load() {
		return false
	}
	now := mono.Now()
	if now < l.believed {
		return true
	}
	goruntime.Gosched()
	if mono.Now()-now < int64(lateness) {
		l.rt.watchdog.late.Store(false)
		return false
	}
	l.believed = now + int64(time.Second)
	return true
}

// runReady resumes the coroutines that are ready now; those that become ready
// meanwhile come with the next turn. It reports false when the loop has got
// another driver.
func (l *Loop) runReady() bool {
	last := l.ready.last
	if last == nil {
		return true
	}
	// If a coroutine calls Goexit, iter.Pull makes the one who has resumed it
	// do so too.
	var co *coroutine
	exit := true
	defer func() {
		if exit && l.word.CompareAndSwap(co.turn, co.turn+1) {
			go l.run()
		}
	}()
	for co != last {
		co = l.ready.shift()
		if co.resume != nil && l.raging() { // of new ones presumesBlocking decides
			co.move()
		} else if !l.resume(co) {
			exit = false
			return false
		}
	}
	exit = false
	return true
}

// raging reports whether take-overs are rife.
func (l *Loop) raging() bool {
	until := l.rife.Load()
	if until == 0 {
		return false
	}
	// In vain if the watchdog has just put it off.
	return mono.Now() < until || !l.rife.CompareAndSwap(until, 0)
}

// resume gives co a turn. It reports false when the loop has got another driver
// meanwhile.
func (l *Loop) resume(co *coroutine) bool {
	if co.resume == nil {
		co.start()
	}
	turn := l.word.Load() + 1
	co.on, co.turn, co.budget, co.counted = l, turn, co.group.budget(), false
	l.current.Store(co)
	l.word.Store(turn)
	l.rt.watchdog.rouse()
	_, more := co.resume()
	mine := l.word.CompareAndSwap(turn, turn+1)
	if !more {
		return mine
	}
	if mine {
		co.settle(l)
	} else {
		co.settle(nil)
	}
	return mine
}

// detached reports whether the coroutine, which calls, holds up no loop: its
// loop has been taken over, or it was not resumed by a driver.
func (co *coroutine) detached() bool { return co.on == nil || co.on.word.Load() != co.turn }

func (cs *Coroutines) budget() int {
	if cs.Budget > 0 {
		return cs.Budget
	}
	return defaultBudget
}

// charge takes an operation on n bytes off the budget of the coroutine that
// calls, if the loop waits for one that does.
func (l *Loop) charge(n int) {
	if co := l.current.Load(); co != nil && co.g.Load() == goroutine.ID() {
		co.charge(n)
	}
}

// awaitRelease waits until the last user of a closed FD has left. That may be a
// coroutine of the very loop that waits for the caller, or one who waits for a
// packet that this loop is to take: a caller that is a coroutine too gives way a
// few times before it blocks, and what runs on a loop does not wait.
func (fd *FD) awaitRelease() {
	if (completes || registered.n.Load() > 0) && fd.Loop().rt.driven() {
		return
	}
	if co := registered.caller(fd.Loop()); co != nil && !goroutine.Locked() {
		for i := 0; i < 8 && !co.detached(); i++ { // one that is holds up no loop
			if fd.mu.TryAwaitRelease() {
				return
			}
			co.giveWay()
		}
	}
	fd.mu.AwaitRelease()
}

// driven reports whether the caller is a driver: a loop waits for it.
func (rt *Runtime) driven() bool {
	g := goroutine.ID()
	for _, l := range rt.loops {
		if l.g.Load() == g {
			return true
		}
	}
	return false
}

// dismiss resumes what is ready on goroutines of their own, when the loop has
// ended.
func (l *Loop) dismiss() {
	for l.ready.first != nil {
		go l.ready.shift().alone()
	}
}
