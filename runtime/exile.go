package runtime

import "github.com/moor-net/moor/internal/goroutine"

// A coroutine that blocks on something else than an FD has its loop taken from
// under it, which costs all others of that loop a millisecond. One that does so
// again and again is moved to goroutine mode for a while: it sleeps in its
// waits as goroutines do, and keeps the goroutine that has resumed it as a
// partner that does nothing. Since it only ever has to switch back to return,
// exile needs no other machinery.

// A take-over costs the loop most of a millisecond, and a wait in exile about a
// microsecond more than one that switches back: who blocks more often than once
// in a thousand waits is better off in exile, so the first term is not shorter.
const (
	strike     = 4       // for a turn that had to be taken over; others take one off
	tolerance  = 8       // strikes from which on a coroutine is moved
	firstTerm  = 1 << 10 // waits
	longest    = 1 << 16 // waits
	scoreMost  = 64      // of a group
	scoreLimit = 32      // from which on its new coroutines are moved at once
	probe      = 16      // but for one of so many
)

// mustBlock reports whether the coroutine, which has to wait, blocks like a
// goroutine: because it is in exile, or must not switch while it is locked to
// its thread. It keeps the accounts of the turn that ends here.
func (co *coroutine) mustBlock() bool {
	switch {
	case !co.detached():
		if co.strikes > 0 {
			co.strikes--
		}
	case co.exile > 1:
		co.exile--
		return true
	case co.exile == 1: // it is over
		co.exile = 0
		co.group.blocking.Add(-1)
	case !co.counted: // once, however many waits are over before they began
		co.counted, co.struck = true, true
		co.strikes += strike
		if co.strikes >= tolerance || co.on != nil && co.on.crowded.Load() {
			co.strikes = tolerance / 2
			co.exile = co.term
			co.term = min(2*co.term, longest)
			co.group.blocking.Add(1)
			return true
		}
	}
	return goroutine.Locked()
}

// move begins an exile of a coroutine that is to be resumed, on a goroutine of its
// own.
func (co *coroutine) move() {
	if co.exile == 0 {
		co.group.blocking.Add(1)
	}
	co.exile = firstTerm
	go co.alone()
}

// verdict tells the group, at the end, how it went. Coroutines that have spent
// all their life in exile have nothing to tell.
func (co *coroutine) verdict() {
	cs := co.group
	change := int32(-strike)
	if co.struck || co.strikes > 0 || co.on != nil && co.detached() {
		change = strike
	} else if co.exile > 0 {
		return
	}
	cs.score.Store(min(max(cs.score.Load()+change, 0), scoreMost)) // a lost change does no harm
}

// presumesBlocking reports whether a new coroutine is better moved at once.
func (cs *Coroutines) presumesBlocking() bool {
	return cs.score.Load() >= scoreLimit && cs.started.Add(1)%probe != 0
}
