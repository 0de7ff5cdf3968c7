package netpoll

import (
	"slices"

	"github.com/moor-net/moor/internal/slots"
)

// staleRounds is how many rounds in a row may bring nothing but stale events
// before the selector starts anew. Now and then such a round comes from a
// descriptor that is closed at this moment.
const staleRounds = 16

// A watch is a registration as a selector sees it.
type watch struct {
	fd       uintptr
	key      uint64
	interest Ready // zero for a one-shot registration that is spent
	opts     PollOpt
}

// renew makes the selector start anew with what is registered now.
//
// Some systems go on reporting a descriptor that was closed while a duplicate
// of it is open somewhere, and there is no way to take it out any more. Were
// it level-triggered, Poll would never sleep again.
func (p *Poll) renew() {
	p.changing.Lock()
	defer p.changing.Unlock()
	type entry struct {
		watch
		since uint32
	}
	var all []entry
	p.table.Each(func(h slots.Handle, a *attachment) {
		m := meta(a.meta.Load())
		w := watch{a.fd, uint64(h), m.interest(), m.opts()}
		if m&spent != 0 {
			w.interest = 0
		}
		all = append(all, entry{w, a.since})
	})
	// A number that was closed and registered again is there twice: the
	// selector takes the first.
	slices.SortFunc(all, func(a, b entry) int { return int(int32(b.since - a.since)) })
	p.sel.renew(func(yield func(watch) bool) {
		for _, e := range all {
			if !yield(e.watch) {
				return
			}
		}
	})
}

// succeed is called when the system says that h's descriptor is registered
// already. If that is because it went on with one that was forgotten and
// closed, whose number the same open file has again, h takes it over.
func (p *Poll) succeed(h slots.Handle) bool {
	p.changing.RUnlock() // see begin; nothing of h's can change meanwhile
	defer p.changing.RLock()
	p.changing.Lock()
	defer p.changing.Unlock()
	a, holders := p.table.Get(h), 0
	p.table.Each(func(_ slots.Handle, other *attachment) {
		if other.fd == a.fd {
			holders++
		}
	})
	if holders > 1 {
		return false
	}
	m := meta(a.meta.Load())
	return p.sel.modify(a.fd, uint64(h), m.interest(), m.opts()) == nil
}
