package runtime

import (
	goruntime "runtime"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/internal/goroutine"
	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/internal/parker"
	"github.com/moor-net/moor/internal/slots"
	"github.com/moor-net/moor/netpoll"
)

// A loop with few connections waits after each request, and the next one comes
// some microseconds later. To be parked and woken by Go's scheduler then takes
// more than the request. After some short waits the next ones are
// therefore made in the kernel itself: see netpoll.Poll.PollSoon. With more
// connections that would be a loss: while the loop is parked several events come,
// which it then deals with together. So a wait that brings more than one counts as
// one that was long.
//
//   - The loop waits there, if what it waits for is run by it, as coroutines and
//     callbacks are; goroutines that it wakes would make the scheduler start
//     another thread for them, unless there is one processor only.
//   - Otherwise it is the goroutine that reads from the one connection that has
//     something to do: it leads, and need not be woken at all.
//
// It is a bet. When it is lost, since nothing comes soon, a processor stands still
// for a period of netpoll.SoonLimit, or two, and others may have waited for it. How
// many short waits there must be before the next bet is doubled each time, unless
// the last one has brought much: of all waits it is never more than a small part
// that are in vain. A wait that is not short costs some of those that were: were it
// all of them, a machine that holds its guests up now and then would never see enough.
//
// That a period ends in a wait does not make it a long one. How long it was is seen
// when something has come.
type bet struct {
	doublings atomic.Int32 // of the stake: how many short waits are to come first
	shorts    int32        // how many have
	gains     int32        // waits since it was made that were not in vain
	spent     int32        // the price of those that were, less what gains have paid back
	since     int64        // the moment in the wait at which a period ended, zero if none has
}

const (
	shortWait  = 100 * time.Microsecond // a wait that the next one is expected to be like
	firstStake = 32
	longPrice  = 32 // short waits that a long one takes back
	mostOften  = 11 // doublings: 65,536
	muchGain   = 1 << 10
	lossPrice  = 6 // gains that make up for a wait in vain
	mostSpent  = 2 * lossPrice
)

// ripe notes a wait that the bet was not on, and reports whether to make it now.
func (b *bet) ripe(took time.Duration) bool {
	if took > shortWait {
		b.shorts = max(b.shorts-longPrice, 0)
		return false
	}
	if b.shorts++; b.shorts < firstStake<<b.doublings.Load() {
		return false
	}
	b.shorts = 0
	return true
}

// won notes a wait that has brought what was expected, at the moment that now
// returns, and reports whether the bet is over: it may have been too long.
func (b *bet) won(now func() int64) bool {
	if b.since != 0 {
		if now()-b.since > int64(shortWait) {
			return b.lost()
		}
		b.since = 0
	}
	b.spent = max(b.spent-1, 0)
	b.gains = min(b.gains+1, muchGain)
	return false
}

// expired notes the end of a period in a wait, and reports whether the bet is over:
// that is so with the second.
func (b *bet) expired(now func() int64) bool {
	if b.since != 0 {
		b.end()
		return true
	}
	b.since = now()
	return false
}

// lost notes a wait that was in vain, and reports whether the bet is over.
func (b *bet) lost() bool {
	b.since = 0 // what comes next is another wait
	if b.spent += lossPrice; b.spent < mostSpent {
		return false
	}
	b.end()
	return true
}

// end ends the bet.
func (b *bet) end() {
	if b.gains == muchGain {
		b.doublings.Store(0)
	} else {
		b.doublings.Store(min(b.doublings.Load()+1, mostOften))
	}
	b.gains, b.spent, b.since = 0, 0, 0
}

// waitsSoon reports whether the driver is about to wait in the kernel itself.
func (l *Loop) waitsSoon() bool { return l.soon && l.ready.first == nil }

// wait polls for events when there is nothing else to do. woke says whether the
// last turn has woken goroutines.
func (l *Loop) wait(woke bool) (n int, err error) {
	if !netpoll.WaitsSoon {
		return l.poll.Poll(l.batch, -1)
	}
	if l.soon {
		parker.Yield() // to those who can run
		n, err = l.poll.PollSoon(l.batch)
		var over bool
		switch {
		case n == 0:
			over = l.bet.expired(mono.Now)
		case n == 1 && (!woke || l.single):
			over = l.bet.won(mono.Now)
		default:
			over = l.bet.lost()
		}
		l.soon = !over
		return n, err
	}
	before := mono.Now()
	n, err = l.poll.Poll(l.batch, -1)
	took := time.Duration(mono.Now() - before)
	if n > 1 {
		took = notShort
	}
	if l.bet.ripe(took) {
		l.single = goruntime.GOMAXPROCS(0) == 1
		l.soon = l.single || !woke
	}
	if woke && !l.soon {
		l.invite(took)
	}
	return n, err
}

// A lead is for the goroutine that waits in its loop's place.
type lead struct {
	slot  atomic.Uint64  // of the FD whose reader may: a slots.Handle, zero for none
	g     atomic.Uintptr // which goroutine that is: net/http has another read meanwhile
	taken atomic.Bool    // it does at this moment

	events *netpoll.Events // of who has taken it
	bet    bet             // shorts is the driver's, the rest of who has taken it

	// The driver's: whom alone the last turn has woken, a goroutine that reads.
	alone  slots.Handle
	aloneG uintptr
}

// invite lets the reader of a connection that is alone lead.
func (l *Loop) invite(took time.Duration) {
	if l.lead.alone == 0 {
		took = notShort
	}
	if l.lead.bet.ripe(took) {
		l.lead.g.Store(l.lead.aloneG)
		l.lead.slot.Store(uint64(l.lead.alone))
	}
}

// notShort stands for a wait that has no bearing on the bet.
const notShort = time.Duration(1<<63 - 1)

// leads reports whether the caller, who is about to sleep until s is ready, may
// wait in the loop's place instead.
func (fd *FD) leads(s *side) bool {
	d := &fd.Loop().lead
	return netpoll.WaitsSoon && s == &fd.r && d.slot.Load() == uint64(fd.slot) && d.g.Load() == goroutine.ID()
}

// wait waits in the kernel until the reading side of fd has been roused, or the bet
// is over. Events of others are passed on.
func (d *lead) wait(fd *FD) {
	if !d.taken.CompareAndSwap(false, true) {
		return
	}
	defer d.taken.Store(false)
	if d.events == nil {
		d.events = netpoll.NewEvents(leadEvents)
	}
	l := fd.Loop()
	for {
		parker.Yield() // to those who can run
		if fd.r.state.Load()&asleep == 0 {
			return
		}
		n, leads := l.poll.Lead(d.events)
		l.events.Add(uint64(n))
		for i := range n {
			l.pass(d.events.At(i))
		}
		switch state := fd.r.state.Load(); {
		case state&ready != 0:
			if !d.bet.won(mono.Now) {
				return
			}
		case state&asleep == 0: // closed, or a deadline: seen late
			d.bet.end()
		case !leads: // somebody else has ended it
			d.bet.since = 0
		case n == 0 && !d.bet.expired(mono.Now), n > 0 && !d.bet.lost():
			continue
		}
		d.slot.Store(0)
		l.poll.Follow()
		return
	}
}

// leadEvents is how many events a leader takes at once.
const leadEvents = 8

// pass tells an FD of an event as the loop would, which runs the jobs.
func (l *Loop) pass(ev netpoll.Event) {
	p := l.table.Get(slots.Handle(ev.Token()))
	if p == nil {
		return
	}
	if fd := p.Load(); fd != nil {
		r, w := fd.roused(ev.Readiness())
		fd.post(r)
		fd.post(w)
	}
}
