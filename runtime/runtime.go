package runtime

import (
	"context"
	"net"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how a Runtime is made. The zero Config is the default.
type Config struct {
	// Loops is the number of event loops; GOMAXPROCS when zero.
	Loops int
	// Patience is how long a coroutine may keep its loop by blocking on
	// something else than an FD, or by computing, until another goroutine
	// takes the loop over; a millisecond when zero, for ever when negative.
	// One that computes while other processes want the processors may keep it
	// four times as long. See Coroutines.
	Patience time.Duration
	// Pinned keeps descriptors on the loop that they began on. Otherwise, when a
	// loop has far more to do than others for some tenths of a second, a part of
	// the connections that its coroutines and callbacks serve go on on those.
	Pinned bool
}

// A Runtime is a set of event loops. Its methods may be called from any
// goroutine.
type Runtime struct {
	loops   []*Loop
	next    atomic.Uint32 // where pick starts, so that equals take turns
	closing atomic.Bool   // nothing new is taken in, and listeners are closed
	overdue atomic.Bool   // everything is
	left    chan struct{} // something left during Shutdown
	ending  sync.Mutex
	ended   bool // guarded by ending

	watchdog watchdog
	balancer balancer
}

// New starts a Runtime. The caller ends it with Shutdown. It returns an error
// that matches errors.ErrUnsupported where package netpoll has no selector, and
// otherwise what the system said, such as EMFILE.
func New(config Config) (*Runtime, error) {
	n := config.Loops
	if n <= 0 {
		n = goruntime.GOMAXPROCS(0)
	}
	rt := &Runtime{left: make(chan struct{}, 1)}
	rt.watchdog.init(config.Patience)
	for i := range n {
		l, err := newLoop(rt, i)
		if err != nil {
			for _, l := range rt.loops {
				l.poll.Close()
			}
			return nil, err
		}
		rt.loops = append(rt.loops, l)
	}
	rt.balancer.init(n, config.Pinned)
	for _, l := range rt.loops {
		go l.run()
	}
	return rt, nil
}

var std struct {
	mu sync.Mutex
	rt atomic.Pointer[Runtime]
}

// Default returns the Runtime that packages conn and listener use when none is
// named. It is started at the first call; if that fails the next call tries
// again.
func Default() (*Runtime, error) {
	if rt := std.rt.Load(); rt != nil {
		return rt, nil
	}
	std.mu.Lock()
	defer std.mu.Unlock()
	if rt := std.rt.Load(); rt != nil {
		return rt, nil
	}
	rt, err := New(Config{})
	if err != nil {
		return nil, err
	}
	std.rt.Store(rt)
	return rt, nil
}

// Loops returns the number of loops.
func (rt *Runtime) Loops() int { return len(rt.loops) }

// Loop returns the i'th loop, counting from zero.
func (rt *Runtime) Loop(i int) *Loop { return rt.loops[i] }

// pick returns the loop with the fewest descriptors among those that are not being
// relieved of some.
func (rt *Runtime) pick() *Loop {
	start := int(rt.next.Add(1))
	var best *Loop
	least := int64(0)
	for i := range rt.loops {
		l := rt.loops[(start+i)%len(rt.loops)]
		n := l.conns.Load()
		if l.shed.Load() != nil {
			n += overloaded
		}
		if best == nil || n < least {
			best, least = l, n
		}
	}
	return best
}

// overloaded is more than a loop can have descriptors.
const overloaded = 1 << 32

// conns returns the number of descriptors.
func (rt *Runtime) conns() int64 {
	var n int64
	for _, l := range rt.loops {
		n += l.conns.Load()
	}
	return n
}

// Shutdown ends the Runtime. It closes the listeners at once, takes nothing new
// in (with net.ErrClosed), and waits until every connection has been closed.
// When ctx ends first it closes what is left, whose blocked calls return
// net.ErrClosed, and returns ctx's error. The loops have ended when it returns.
// A second call returns net.ErrClosed.
func (rt *Runtime) Shutdown(ctx context.Context) error {
	rt.ending.Lock()
	defer rt.ending.Unlock()
	if rt.ended {
		return net.ErrClosed
	}
	rt.ended = true
	rt.closing.Store(true)
	rt.shut(func(kind Kind) bool { return kind == Listener })
	var err error
	for rt.conns() > 0 && err == nil {
		select {
		case <-rt.left:
		case <-ctx.Done():
			err = ctx.Err()
			rt.overdue.Store(true)
			rt.shut(func(Kind) bool { return true })
		}
	}
	for _, l := range rt.loops {
		l.poll.Close()
	}
	for _, l := range rt.loops {
		<-l.done
	}
	rt.watchdog.end()
	return err
}

// closes reports whether a Shutdown closes what is of a kind. It is for those who
// might have been missed by it: they look after they can be found, and a Shutdown
// says so before it looks for them.
func (rt *Runtime) closes(kind Kind) bool {
	return rt.closing.Load() && kind == Listener || rt.overdue.Load()
}

// shut closes what is of the kinds that which selects, without waiting for the
// users.
func (rt *Runtime) shut(which func(Kind) bool) {
	for _, l := range rt.loops {
		for _, fd := range l.fds() {
			if which(fd.kind) {
				fd.Shut()
			}
		}
		l.handles.shut(which)
	}
}
