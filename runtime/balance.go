package runtime

import (
	"math"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/netpoll"
)

// Connections are shared out among the loops when they are new, by number, but what
// they will have to do nobody knows then. A balancer looks ten times a second at how
// much of its time each loop has spent in turns. When one has far more to do than
// another, twice in a row, a part of the connections that it serves in the next tenth
// of a second is given to loops with less than the average.
//
// A connection is moved at the moment when it has just been served and is about to
// wait for what comes next, by the driver of its loop. So only those move that make the
// loop work: one that is idle all the time makes none. Nor do those that goroutines
// serve, which run wherever Go's scheduler has a processor free.
//
// There is no goroutine for this. Loops look at the end of a turn that was timed
// anyway; when all are idle nobody does.
type balancer struct {
	due atomic.Int64 // when to look again

	mu      sync.Mutex // guards the rest
	last    int64      // when somebody looked
	seen    []int64    // how long each loop had been in turns then, in all
	shares  []float64  // of its time that each has been since
	suspect int        // the loop that had most to do
	again   bool       // and far more than others
	resting bool       // what was seen meanwhile is neither before a move nor after
	round   uint8      // of moves, counted without zero
}

const (
	lookEvery = 100 * time.Millisecond
	muchWork  = 0.5  // a share of a loop's time, from which on it is relieved
	farApart  = 0.25 // shares
)

func (b *balancer) init(loops int, pinned bool) {
	b.seen, b.shares = make([]int64, loops), make([]float64, loops)
	if loops == 1 || pinned {
		b.due.Store(math.MaxInt64)
	}
}

// look compares the loops at the moment now, unless somebody else does.
func (b *balancer) look(loops []*Loop, now int64) {
	if !b.mu.TryLock() {
		return
	}
	defer b.mu.Unlock()
	if now < b.due.Load() {
		return
	}
	for i, l := range loops {
		l.shed.Store(nil)
		spent := l.meter.spent(now)
		b.shares[i] = float64(spent-b.seen[i]) / float64(now-b.last)
		b.seen[i] = spent
	}
	b.last = now
	b.due.Store(now + int64(lookEvery))
	if hot := b.decide(); hot >= 0 {
		loops[hot].shed.Store(b.shedding(loops, hot))
	}
}

// decide returns the number of the loop that is to be relieved, or -1.
func (b *balancer) decide() int {
	if b.resting {
		b.resting = false
		return -1
	}
	hot, cold := 0, 0
	for i, share := range b.shares {
		if share > b.shares[hot] {
			hot = i
		}
		if share < b.shares[cold] {
			cold = i
		}
	}
	apart := b.shares[hot] >= muchWork && b.shares[hot]-b.shares[cold] >= farApart
	if !apart || !b.again || hot != b.suspect {
		b.suspect, b.again = hot, apart
		return -1
	}
	b.again, b.resting = false, true
	return hot
}

// shedding returns what the loop of the number hot has to give.
func (b *balancer) shedding(loops []*Loop, hot int) *shedding {
	if b.round++; b.round == 0 {
		b.round = 1
	}
	sum := 0.0
	for _, share := range b.shares {
		sum += share
	}
	mean := sum / float64(len(b.shares))
	s := &shedding{round: b.round, part: (b.shares[hot] - mean) / b.shares[hot]}
	for i, share := range b.shares {
		if share < mean {
			s.to = append(s.to, loops[i])
		}
	}
	return s
}

// shedding is what a loop gives to others: of the connections that it serves while
// it holds, each one considered once, a part. It is less than all, so that the last
// connection that makes a loop work is left where it is. What is behind part is the
// driver's.
type shedding struct {
	round uint8
	part  float64
	owed  float64 // connections, of those that were considered
	to    []*Loop
	next  int // in to
}

// chooses returns where fd, which was served, is to be moved to; nil if it stays, as
// listeners do.
func (s *shedding) chooses(fd *FD) *Loop {
	if fd.asked == s.round || fd.kind == Listener {
		return nil
	}
	fd.asked = s.round
	if s.owed += s.part; s.owed < 1 {
		return nil
	}
	s.owed--
	s.next++
	return s.to[s.next%len(s.to)]
}

// relieve moves fd, one of l's, to another loop if that is wanted, and reports whether
// it has. It is called by l's driver. The lock of the side s is held, by a coroutine
// that is about to wait for it or by the caller.
func (l *Loop) relieve(fd *FD, s *side) (moved bool) {
	given := l.shed.Load()
	if given == nil {
		return false
	}
	other := fdmutex.Write
	if s == &fd.w {
		other = fdmutex.Read
	}
	if locked, _ := fd.mu.TryLock(other); !locked {
		return false // somebody else uses it, or it was closed
	}
	if to := given.chooses(fd); to != nil {
		moved = l.move(fd, to)
	}
	fd.end(other)
	return moved
}

// Relieving reports whether the loop is to give a part of its connections to others:
// see FD.Relieve. It is called on the loop.
func (l *Loop) Relieving() bool { return l.shed.Load() != nil }

// Relieve moves the FD from l, its loop, to another one if l has too much to do. It
// reports whether it has: from then on Wake is called on the other loop. It is called
// on l by whoever alone sets the FD's Watches, none of which is set; that one calls
// nothing else of the FD's meanwhile.
func (fd *FD) Relieve(l *Loop) (moved bool) {
	if !l.Relieving() || fd.Loop() != l {
		return false
	}
	if locked, _ := fd.mu.TryLock(fdmutex.Read); !locked {
		return false
	}
	moved = l.relieve(fd, &fd.r)
	fd.end(fdmutex.Read)
	return moved
}

// move gives fd to another loop, or leaves everything as it was. It is called by l's
// driver, with both locks of fd held and no job waiting on its sides, so that nobody
// is to be told of anything; what was missed meanwhile is reported when fd is
// registered, before it is taken out here.
//
// Others may be using fd: they set deadlines, or close it. If one has asked for its
// loop before it changed there was nobody to tell; or it looks once more under the
// loop's lock, as whoever sets an entry in the wheel does. Who still asks the Poll for
// an event, on behalf of a job that has been run since, keeps fd where it is.
func (l *Loop) move(fd *FD, to *Loop) bool {
	if fd.w.state.Load()&ported != 0 {
		return false // its packets come here, for good
	}
	if netpoll.NeedsRearm {
		if !fd.r.asking.forbid() {
			return false
		}
		defer fd.r.asking.allow()
		if !fd.w.asking.forbid() {
			return false
		}
		defer fd.w.asking.allow()
	}
	to.conns.Add(1) // first, lest a Shutdown count it nowhere
	if l.rt.closing.Load() {
		to.leave()
		return false
	}
	slot, polled, err := to.register(fd)
	if err != nil {
		to.leave()
		return false // the next round may consider it again
	}
	l.mu.Lock()
	l.disarm(fd) // who waits next sets what is needed
	slot, fd.slot = fd.slot, slot
	polled, fd.polled = fd.polled, polled
	fd.loop.Store(to)
	l.mu.Unlock()
	l.table.Free(slot, forget)
	l.poll.Detach(polled) // fails only after a closed Poll has ended it
	l.leave()
	l.moved.Add(1)
	if l.rt.closes(fd.kind) {
		fd.Shut() // a Shutdown may have looked at to before and at l after
	}
	return true
}

// asking is a side's word about those who ask the FD's Poll for an event, where that
// has to be asked. They may be several, since one may still be at it when the job for
// which it asks has been run.
//
//	forbidden  the FD is being moved to another Poll: nobody may begin to ask
//	others     how many are asking
type asking struct{ word atomic.Int32 }

const forbidden = -1 << 30

// begin waits for a move in progress, which is a few system calls long.
func (a *asking) begin() {
	for a.word.Add(1) < 0 {
		a.word.Add(-1)
		goruntime.Gosched()
	}
}

func (a *asking) end() { a.word.Add(-1) }

// forbid reports false if somebody asks.
func (a *asking) forbid() bool { return a.word.CompareAndSwap(0, forbidden) }

func (a *asking) allow() { a.word.Add(-forbidden) }
