package runtime

import (
	"context"
	"errors"
	"net"
	"os"
	goruntime "runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/moor-net/moor/internal/goroutine"
	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/internal/parker"
	"github.com/moor-net/moor/internal/slots"
	"github.com/moor-net/moor/internal/wheel"
	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// A Loop waits for the events of the FDs that belong to it and wakes their
// waiters. It is one goroutine; what else runs on it must not block.
type Loop struct {
	rt    *Runtime
	index int
	poll  *netpoll.Poll
	table slots.Table[atomic.Pointer[FD]]
	done  chan struct{} // closed when the goroutine has ended

	mu    sync.Mutex // guards wheel and next, and moves of FDs to other loops
	wheel wheel.Wheel[*side]
	next  int64               // what timer is set to: when the loop looks at the wheel
	timer *registration.Timer // registered with poll under timerToken

	queue queue // registered with poll under queueToken

	handles handleSet // what belongs to the loop and is no FD

	meter meter

	driver
	lead  lead
	batch *netpoll.Events // of the turn
	woken []woken         // whom those of a group concern

	counters
}

// interest is what every FD is registered for, once, edge-triggered. Priority
// is there because a read stops at urgent data: see pressing.
const interest = netpoll.Readable | netpoll.Writable | netpoll.Priority

func newLoop(rt *Runtime, index int) (*Loop, error) {
	poll, err := netpoll.New()
	if err != nil {
		return nil, err
	}
	l := &Loop{rt: rt, index: index, poll: poll, done: make(chan struct{}),
		next: wheel.Never, timer: registration.NewTimer(), batch: netpoll.NewEvents(eventsPerTurn),
		woken: make([]woken, 0, eventsPerTurn)}
	if err := poll.Register(l.timer, timerToken, netpoll.Readable, netpoll.Edge); err != nil {
		poll.Close()
		return nil, err
	}
	if err := l.queue.init(poll); err != nil {
		poll.Close()
		return nil, err
	}
	return l, nil
}

// Tokens of the loop's own sources. Those of FDs are their slots' handles,
// whose upper half is never zero.
const (
	timerToken = netpoll.Token(0)
	queueToken = netpoll.Token(1)
)

// attach takes fd in.
func (l *Loop) attach(fd *FD) error {
	l.conns.Add(1)
	if l.rt.closing.Load() {
		l.leave()
		return net.ErrClosed
	}
	fd.loop.Store(l)
	var err error
	if fd.slot, fd.polled, err = l.register(fd); err != nil {
		l.leave()
	}
	return err
}

// register gives fd a place in the loop's table and its Poll's.
func (l *Loop) register(fd *FD) (slots.Handle, netpoll.Slot, error) {
	slot := l.table.Take(func(_ slots.Handle, p *atomic.Pointer[FD]) { p.Store(fd) })
	polled, err := l.poll.AttachAsked(uintptr(fd.sysfd), netpoll.Token(slot), interest)
	if err != nil {
		l.table.Free(slot, forget)
	}
	return slot, polled, err
}

func forget(p *atomic.Pointer[FD]) { p.Store(nil) }

// detach lets fd go, just before its descriptor is closed.
func (l *Loop) detach(fd *FD) {
	fd.disarm()
	l.table.Free(fd.slot, forget)
	if fd.w.state.Load()&(duplicated|detached) != 0 {
		// Closing our number is not enough.
		l.poll.Detach(fd.polled) // fails only after a closed Poll has ended it
	} else {
		l.poll.Forget(fd.polled)
	}
	l.leave()
}

// leave takes one FD off the count and tells a waiting Shutdown.
func (l *Loop) leave() {
	l.conns.Add(-1)
	if l.rt.closing.Load() {
		select {
		case l.rt.left <- struct{}{}:
		default:
		}
	}
}

// arm makes the loop look at t, an entry of fd's, at the moment at or before. One
// that is there already for an earlier moment serves. It reports false if fd belongs
// to another loop.
func (l *Loop) arm(fd *FD, t *wheel.Timer[*side], at int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fd.Loop() != l {
		return false
	}
	if t.Set() {
		if t.When() <= at {
			return true
		}
		l.wheel.Remove(t)
	}
	l.wheel.Add(t, at)
	if at < l.next {
		l.setTimer(at)
	}
	return true
}

// setTimer makes the loop look at the wheel at the moment at. l.mu is held.
func (l *Loop) setTimer(at int64) {
	l.next = at
	if at == wheel.Never {
		l.timer.Stop()
	} else {
		l.timer.SetAfter(mono.Until(at)) // fails when the loop has ended, and every wait with it
	}
}

// disarm takes fd's entries out of the wheel. l.mu is held.
func (l *Loop) disarm(fd *FD) {
	if t := fd.timers.Load(); t != nil {
		l.wheel.Remove(&t.r)
		if w := t.w.Load(); w != nil {
			l.wheel.Remove(w)
		}
	}
}

// run is the loop's driver. It ends when the Poll is closed, or another goroutine
// has become the driver.
func (l *Loop) run() {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("moor-loop", strconv.Itoa(l.index))))
	l.g.Store(goroutine.ID())
	l.meter.end() // of the turn that was taken over
	busy := false // with coroutines, in the last turn
	for {
		n, err := l.await(busy)
		if errors.Is(err, netpoll.ErrStrayPacket) {
			continue // somebody's mistake with a handle of his own
		}
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				// Nobody could ever be woken again.
				panic("moor: an event loop's poll failed: " + err.Error())
			}
			l.end()
			return
		}
		region := trace.StartRegion(context.Background(), "moor turn")
		l.meter.begin(n)
		jobs, woke := l.deliver()
		if jobs {
			l.queue.run(&l.meter)
		}
		l.turns.Add(1)
		l.events.Add(uint64(n))
		ran := l.ready.first != nil
		busy = ran && !woke
		l.woke = woke
		driving := l.runReady()
		region.End()
		if !driving {
			return
		}
		if now := l.meter.end(); now >= l.rt.balancer.due.Load() {
			l.rt.balancer.look(l.rt.loops, now)
		}
		// Goroutines that were woken run first, and the events that come
		// meanwhile are fetched together. Without any the loop uses its time
		// slice: giving it away would put those who compute first. Before it waits in
		// the kernel itself it gives way anyway.
		if (woke || jobs || n > 0 && !ran) && !l.waitsSoon() {
			l.yield()
		}
	}
}

// yield lets the goroutines run that the turn has woken. The loop then waits at
// the end of its processor's queue: behind those of the whole process, among
// which may be some that compute, it would wait for their time slices. But they
// are to have their turn as well, before the loop has woken others for ever.
func (l *Loop) yield() {
	if l.yields++; l.yields%politeness == 0 {
		goruntime.Gosched()
	} else {
		parker.Yield()
	}
}

// politeness is how often a loop gives way to the whole process: once in so many
// times.
const politeness = 16

// end is the last thing that the last driver does.
func (l *Loop) end() {
	l.queue.end()
	l.timer.Close() // or it would keep the Poll until the next deadline
	l.dismiss()
	l.g.Store(0)
	close(l.done)
}

// expire wakes the waiters whose deadline has passed.
func (l *Loop) expire() {
	now := mono.Now()
	var woken *job // posted below: that may release an FD, which needs l.mu
	l.mu.Lock()
	if l.next <= now {
		l.meter.late(now - l.next)
	}
	l.wheel.Expire(now, func(t *wheel.Timer[*side]) {
		s := t.Owner
		if s.state.Load()&occupied == 0 {
			return // the next call that waits arms it again
		}
		switch at := s.deadline.Load(); {
		case at == 0:
		case at <= now:
			if j := s.rouse(0); j != nil {
				j.next, woken = woken, j
			}
		default:
			l.wheel.Add(t, at)
		}
	})
	l.setTimer(l.wheel.Next())
	l.mu.Unlock()
	for woken != nil {
		j := woken
		woken = j.next
		l.post(j)
	}
}

// fds returns the FDs that belong to the loop at some moment during the call.
func (l *Loop) fds() []*FD {
	var fds []*FD
	l.table.Each(func(_ slots.Handle, p *atomic.Pointer[FD]) {
		if fd := p.Load(); fd != nil {
			fds = append(fds, fd)
		}
	})
	return fds
}

// wheelLen returns the number of entries in the timing wheel.
func (l *Loop) wheelLen() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(l.wheel.Len())
}
