package runtime

import (
	"cmp"
	"iter"
	"net"
	"sync"
	"sync/atomic"

	"github.com/moor-net/moor/internal/goroutine"
	"github.com/moor-net/moor/internal/prefetch"
)

// Coroutines run blocking code on event loops. Whenever an operation on an FD
// would block, the loop goes on with something else, and comes back when it
// would not: a switch between the two takes some 70 ns, and Go's scheduler has
// no part in it. Operations that are not on FDs block as everywhere; package
// documentation tells what becomes of the loop then.
//
// The zero Coroutines are ready for use. They are for code of one kind, such
// as the handlers of one server: what is learnt from some is applied to later
// ones. The fields must not be changed after the first Go; Go and Stats may be
// called from any goroutine.
type Coroutines struct {
	// Budget is how many bytes a coroutine may read and write, without ever
	// having to wait, before all others that are ready have their turn;
	// 128 KiB when zero. Each call counts for 4 KiB at least.
	Budget int

	running   atomic.Int64
	blocking  atomic.Int64
	takeOvers atomic.Uint64
	score     atomic.Int32 // how many of late had to be taken over: see verdict
	started   atomic.Uint32
}

// CoroutineStats are figures of Coroutines at one moment.
type CoroutineStats struct {
	Running   int64  // coroutines that have not ended
	Blocking  int64  // those of them that were moved to goroutine mode
	TakeOvers uint64 // times that one kept its loop for too long
}

// Stats returns the figures.
func (cs *Coroutines) Stats() CoroutineStats {
	return CoroutineStats{Running: cs.running.Load(), Blocking: cs.blocking.Load(), TakeOvers: cs.takeOvers.Load()}
}

const (
	defaultBudget = 128 << 10
	leastCharge   = 4 << 10
)

// Go runs f as a coroutine on l and does not wait for it. It ends when f does;
// a panic in f ends the process, as in any goroutine. f may call LockOSThread:
// while locked it blocks like a goroutine. It must not return locked: the
// coroutine and its thread are then kept for ever, because Go ends the process
// if one of them is ended without the other.
//
// On systems whose goroutines can't be told apart (all but amd64 and arm64) f
// has a goroutine of its own.
func (cs *Coroutines) Go(l *Loop, f func()) {
	if !goroutine.Known {
		cs.running.Add(1)
		go func() {
			defer cs.running.Add(-1)
			f()
		}()
		return
	}
	l.rt.watchdog.start(l.rt)
	cs.running.Add(1)
	co := &coroutine{group: cs, f: f, loop: l, term: firstTerm}
	co.job.to = co
	if cs.presumesBlocking() {
		co.move()
		return
	}
	l.post(&co.job)
}

// A coroutine is blocking code together with what it waits for. It runs in
// turns: somebody, mostly its loop's driver, resumes it, and has to wait until
// it switches back. This party then settles what the coroutine waits for, and
// from that moment on whoever wakes it may resume it.
//
// The coroutine itself and the one that has resumed it never run at the same
// time, so that most fields need no guard.
type coroutine struct {
	g     atomic.Uintptr // which goroutine it is, while it runs f
	job   job            // points back to the coroutine
	next  *coroutine     // in the ready list of loop
	group *Coroutines
	f     func()

	resume func() (struct{}, bool) // runs it until it switches back; false when it has ended
	yield  func(struct{}) bool     // switches back
	hints  [hints]uintptr          // memory that will be needed when it goes on: see foresee

	// What it waits for when it has switched back, a side of an FD or a Pause;
	// neither when it only gives way to others.
	fd     *FD
	side   *side
	paused *Pause
	err    error // why there will be no event
	loop   *Loop // whose driver will resume it

	on     *Loop  // whose driver has resumed it; nil when that was no driver
	turn   uint64 // on's word since then: see detached
	budget int    // what is left of the group's in this turn

	counted bool  // the turn has been taken over, and a strike counted
	strikes int32 // how much it has blocked of late
	exile   int32 // waits that it still spends in goroutine mode
	term    int32 // length of the next exile
	struck  bool  // it was taken over at least once
}

// Where its hints are, one line of memory each.
const (
	buffer   = iota // that it reads into
	yielding        // variables of yield
	resuming        // and of resume; what they share with each other follows
	hints    = resuming + 3
)

// start makes the coroutine itself. It is called by the first one to resume
// it: Go's runtime wants the two to agree about locks on threads, and that one
// has none.
func (co *coroutine) start() {
	co.resume, _ = iter.Pull(func(yield func(struct{}) bool) {
		co.yield = yield
		co.hints[yielding] = prefetch.Closure(yield)[0] // its variables are those of resume
		defer co.end()
		co.g.Store(goroutine.ID())
		registered.add(co)
		co.f()
	})
	resume := prefetch.Closure(co.resume)
	copy(co.hints[resuming:], resume[:])
}

// end is called by the coroutine, the last thing that it does.
func (co *coroutine) end() {
	registered.remove(co)
	co.g.Store(0) // the next one may get the same
	co.f, co.fd, co.side = nil, nil, nil
	if co.exile > 0 {
		co.group.blocking.Add(-1)
	}
	co.verdict()
	co.group.running.Add(-1)
	if goroutine.Locked() {
		select {}
	}
}

// wait is FD.wait for a coroutine that calls.
func (co *coroutine) wait(fd *FD, s *side) error {
	for s.state.Load()&ready == 0 {
		co.fd, co.side, co.err = fd, s, nil
		co.yield(struct{}{})
		co.fd, co.side = nil, nil
		if s.state.Load()&ready == 0 {
			if err := cmp.Or(fd.ended(s), co.err); err != nil {
				return err
			}
		}
	}
	if fd.mu.Closed() {
		return net.ErrClosed
	}
	return nil
}

// giveWay lets others run first.
func (co *coroutine) giveWay() { co.yield(struct{}{}) }

// charge takes an operation on n bytes off the budget, and gives way when that
// is used up and somebody is kept waiting.
func (co *coroutine) charge(n int) {
	if co.budget -= max(n, leastCharge); co.budget <= 0 && !co.detached() && !goroutine.Locked() {
		co.giveWay()
	}
}

// settle is called by the one that has resumed the coroutine, when it has
// switched back. driven is the loop whose driver that is, nil if it is none.
// After it the coroutine may be running again.
func (co *coroutine) settle(driven *Loop) {
	fd, s := co.fd, co.side
	switch {
	case co.paused != nil:
		if !co.paused.settle(co) {
			co.again(driven)
		}
		return
	case fd == nil:
		co.again(driven)
		return
	}
	if driven == fd.Loop() {
		driven.relieve(fd, s)
	}
	co.loop = fd.Loop()
	if !s.announce(&co.job) {
		co.again(driven)
		return
	}
	if fd.lookAgain(s, false) {
		return
	}
	if err := fd.watched(s); err != nil && s.withdraw() {
		co.err = err
		co.again(driven)
	}
}

// again makes the coroutine run after all that wait for a turn.
func (co *coroutine) again(driven *Loop) {
	if driven == co.loop {
		driven.ready.push(co)
	} else {
		co.loop.post(&co.job)
	}
}

// alone is a goroutine that resumes the coroutine once.
func (co *coroutine) alone() {
	co.on = nil
	if co.resume == nil {
		co.start()
	}
	if _, more := co.resume(); more {
		co.settle(nil)
	}
}

// registered are the coroutines that have begun and not ended, by goroutine.
var registered registry

// A registry is divided, so that loops do not wait for each other.
type registry struct {
	n      atomic.Int64
	shards [64]struct {
		mu sync.Mutex
		m  map[uintptr]*coroutine
		_  [48]byte
	}
}

// shardOf spreads addresses of structures of some 450 bytes.
func shardOf(g uintptr) uintptr { return (g>>9 ^ g>>15) % 64 }

func (r *registry) add(co *coroutine) {
	g := co.g.Load()
	s := &r.shards[shardOf(g)]
	s.mu.Lock()
	if s.m == nil {
		s.m = make(map[uintptr]*coroutine)
	}
	s.m[g] = co
	s.mu.Unlock()
	r.n.Add(1)
}

func (r *registry) remove(co *coroutine) {
	g := co.g.Load()
	s := &r.shards[shardOf(g)]
	s.mu.Lock()
	delete(s.m, g)
	s.mu.Unlock()
	r.n.Add(-1)
}

// caller returns the coroutine that calls, nil if that is another goroutine.
// It is mostly the one that l's driver has resumed.
func (r *registry) caller(l *Loop) *coroutine {
	if r.n.Load() == 0 {
		return nil
	}
	g := goroutine.ID()
	if co := l.current.Load(); co != nil && co.g.Load() == g {
		return co
	}
	s := &r.shards[shardOf(g)]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[g]
}
