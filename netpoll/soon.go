package netpoll

import (
	"time"

	"github.com/moor-net/moor/internal/mono"
)

// SoonLimit is how long PollSoon and Lead wait at most.
const SoonLimit = 400 * time.Microsecond

// soon is the moment that asks a selector to wait as PollSoon does.
const soon = -1

// PollSoon is Poll for a caller that has reason to expect an event within
// microseconds, such as the answer to what it has just sent. Where WaitsSoon is
// true it waits in the kernel itself, for SoonLimit at most: Go's scheduler and
// its poller have no part in it, which take longer than a small request.
// Elsewhere it only asks, like Poll with a timeout of zero.
//
// The processor (a P, one of GOMAXPROCS) is held meanwhile. Others run on the
// other ones; with none, or where all are held, they wait until PollSoon returns.
// So the caller first lets those run that can, and calls Poll instead when
// PollSoon has been in vain. It returns no event after SoonLimit, at Wake, when a
// signal has come, and now and then for no reason; the garbage collector, which
// stops goroutines by signals, is not held up.
//
// The call of Poll that waits after PollSoon costs two system calls more.
func (p *Poll) PollSoon(events *Events) (int, error) {
	events.clear()
	got, err := p.arrive(0)
	if !got && err == nil && waitsSoon {
		got, err = p.arrive(mono.After(SoonLimit))
	}
	if !got {
		return 0, err
	}
	defer p.depart()
	until := int64(soon)
	if p.woken.Load() && p.woken.Swap(false) || !waitsSoon {
		until = 0
	}
	if _, err := p.round(events, until); err != nil {
		return 0, err
	}
	if p.users.Load()&closedBit != 0 {
		events.clear()
		return 0, errClosed
	}
	return events.Len(), nil
}

// WaitsSoon says whether PollSoon waits on this system, and Lead does anything.
const WaitsSoon = waitsSoon

// Lead is PollSoon for one goroutine beside that which waits in Poll: who expects
// an event for itself waits for it in the other's place, so that nobody has to
// wake it. It reports false if that can't be done now or has been ended meanwhile, in
// particular on systems where WaitsSoon is not true, and after Close. In the second
// case there can be events nevertheless, which nobody else is told.
//
// The first call is the beginning: from then on what is ready comes to Lead, or to
// Poll if Lead has not been called for a millisecond or two, with which it ends
// too. Otherwise it ends with Follow. Events of user-space sources, and Wake,
// concern Poll as ever.
func (p *Poll) Lead(events *Events) (n int, leads bool) {
	events.clear()
	if !waitsSoon || p.enter() != nil {
		return 0, false
	}
	defer p.leave()
	p.changing.RLock()
	defer p.changing.RUnlock()
	return p.lead(events)
}

// Follow ends what Lead began: what is ready comes to Poll again.
func (p *Poll) Follow() {
	if !waitsSoon || p.enter() != nil {
		return
	}
	defer p.leave()
	p.follow()
}
