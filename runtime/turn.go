package runtime

import (
	"unsafe"

	"github.com/moor-net/moor/internal/prefetch"
	"github.com/moor-net/moor/internal/slots"
	"github.com/moor-net/moor/netpoll"
)

// eventsPerTurn bounds a turn: what else is ready comes with the next one. It is few
// enough that what is fetched for the first is still in the processor's caches when
// the last has been served, which is done before the next events are fetched.
const eventsPerTurn = 32

// A woken is an FD that there is an event for, with who waits to read from it.
type woken struct {
	fd    *FD
	ready netpoll.Ready
	g     uintptr
	job   *job
}

// deliver tells the FDs that the turn's events concern. It reports whether there
// are jobs, and whether goroutines were woken.
func (l *Loop) deliver() (jobs, woke bool) {
	due := false
	for i := range l.batch.Len() {
		ev := l.batch.At(i)
		switch ev.Token() {
		case timerToken:
			due = true
			continue
		case queueToken:
			jobs = true // after the events, whose FDs they may concern
			continue
		}
		p := l.table.Get(slots.Handle(ev.Token()))
		if p == nil {
			continue
		}
		// The slot may be freed at any moment: the pointer is then nil, or
		// that of the next tenant, who takes it for a spurious event.
		if fd := p.Load(); fd != nil {
			l.woken = append(l.woken, woken{fd: fd, ready: ev.Readiness()})
		}
	}
	if len(l.woken) >= many {
		foresee(l.woken)
	}
	if woke = l.tell(); due {
		l.expire()
	}
	return jobs, woke
}

// tell tells the FDs of the turn, and reports whether that has woken a
// goroutine.
func (l *Loop) tell() (woke bool) {
	l.lead.alone = 0
	if l.batch.Len() == 1 && len(l.woken) == 1 {
		if g, _ := l.woken[0].fd.r.waiter(); g != 0 {
			l.lead.alone, l.lead.aloneG = l.woken[0].fd.slot, g
		}
	}
	for i := range l.woken {
		w := &l.woken[i]
		woke = woke || (w.fd.r.state.Load()|w.fd.w.state.Load())&asleep != 0
		w.fd.deliver(w.ready)
	}
	clear(l.woken)
	l.woken = l.woken[:0]
	return woke
}

// many is from how many on foresight pays.
const many = 4

// Lines of memory that an event needs of an FD, and of a job and what it is in.
const (
	linesOfFD  = 3
	linesOfJob = 3
)

// foresee asks for the memory that waking those who wait will need: their FDs,
// their goroutines and the stacks of these, each of which names the next. With
// many connections none of it is in the processor's caches. One after the other
// it would be waited for; here it comes for all at the same time. What is found
// may be out of date the moment after: it only makes the hint useless.
func foresee(all []woken) {
	for i := range all {
		prefetch.Lines(uintptr(unsafe.Pointer(all[i].fd)), linesOfFD)
	}
	for i := range all {
		w := &all[i]
		w.g, w.job = w.fd.r.waiter()
		prefetch.Goroutine(w.g)
		if w.job != nil {
			prefetch.Lines(uintptr(unsafe.Pointer(w.job)), linesOfJob)
		}
	}
	for i := range all {
		w := &all[i]
		if w.job == nil {
			continue
		}
		if co, ok := w.job.to.(*coroutine); ok {
			w.g = co.g.Load()
			prefetch.Goroutine(w.g)
			prefetch.Lines(uintptr(unsafe.Pointer(&co.budget)), 1) // what a turn needs last
			for _, a := range co.hints {
				prefetch.Lines(a, 1)
			}
		}
	}
	for i := range all {
		prefetch.Stack(all[i].g)
	}
}
