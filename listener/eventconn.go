package listener

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/internal/netfd"
	"github.com/moor-net/moor/internal/sys"
	moorrt "github.com/moor-net/moor/runtime"
)

// An EventConn is a connection of an EventServer. Write, Close, CloseWith,
// SetReadDeadline, Pending and the addresses may be used by any goroutine;
// everything else is for the connection's callbacks alone.
type EventConn struct {
	fd    netfd.FD
	watch moorrt.Watch              // for reading
	home  atomic.Pointer[eventLoop] // of the loop that it is on
	mu    sync.Mutex                // guards more and what it holds
	state atomic.Uint32
	place uint32 // in home.conns, guarded by home.mu
	more  atomic.Pointer[more]
	turn  *turn // while a callback may read
	data  any
}

// more is what only a busy connection has. It goes when it is of no use.
type more struct {
	in       []byte       // what OnReadable has left; the runner's alone
	out      []byte       // what the socket has not taken: out[off:]
	off      int          // of out
	watch    moorrt.Watch // for writing
	watching bool         // it is set
	over     bool         // pending output is between the marks, from above
	timed    bool         // there is a write deadline
	closing  bool         // for cause
	cause    error
}

// The state word of an EventConn. Whoever sets scheduled, having found it
// clear, makes the connection run: it is the runner. Only the runner calls
// callbacks, and it alone clears the bit. Signals that come meanwhile are
// found by it before it leaves. While nobody runs, the reading Watch is set,
// or, with too much output pending, the writing one: one of them will tell.
const (
	scheduled = 1 << iota // somebody runs the connection, or will
	fired                 // signal: the reading Watch has told
	crossed               // signal: pending output has crossed a mark
	ended                 // signal: the descriptor was closed
	drained               // signal: the server is shutting down
	armed                 // the runner's: the reading Watch is set unless fired
	told                  // the runner's: OnHighWater was the last of the two
	opened                // the runner's: OnOpen was called
	chosen                // the read deadline is SetReadDeadline's, not the IdleTimeout's
)

const signals = fired | crossed | ended | drained

// ErrUnread is why a connection was closed whose OnReadable left more than the
// server's MaxUnread.
var ErrUnread = errors.New("listener: too many bytes were left unread")

// readWatcher and writeWatcher are an EventConn as its Watches see it, and
// eventTask as a Pool does.
type (
	readWatcher  EventConn
	writeWatcher EventConn
	eventTask    EventConn
)

func (c *EventConn) server() *EventServer { return c.home.Load().server }

func (w *readWatcher) Wake()  { (*EventConn)(w).signal(fired) }
func (w *writeWatcher) Wake() { (*EventConn)(w).flush() }

func (t *eventTask) Run() {
	c := (*EventConn)(t)
	turns := &c.server().turns
	turn := turns.Get().(*turn)
	defer turns.Put(turn)
	c.run(turn, c.take())
}

// signal makes the connection run for the given reason. It is called on the
// connection's loop; once that has ended, on any goroutine.
func (c *EventConn) signal(why uint32) {
	if pool := c.server().Pool; pool != nil {
		if c.state.Or(scheduled|why)&scheduled == 0 {
			pool.Go((*eventTask)(c))
		}
		return
	}
	st := c.state.Load()
	if st&(scheduled|signals) == 0 && c.state.CompareAndSwap(st, st|scheduled) {
		c.run(&c.home.Load().turn, st|why) // as mostly: the signal is taken at once
	} else if st = c.state.Or(scheduled | why); st&scheduled == 0 {
		c.run(&c.home.Load().turn, c.take())
	}
}

// take returns the state and takes the signals out of it.
func (c *EventConn) take() uint32 { return c.state.And(^uint32(signals)) }

// wake makes the connection find the drained signal, on its loop. It may be waiting
// for space, with no Watch that could be told before the peer makes some. One that
// has not run yet is about to.
func (c *EventConn) wake() {
	l := c.fd.Loop()
	l.Post(func() {
		switch {
		case c.fd.Loop() != l:
			c.wake() // it has moved meanwhile
		case c.state.Load()&opened != 0:
			c.signal(drained)
		}
	})
}

// relieve moves the connection to another loop if the one whose turn this is has too
// much to do. It is called by the runner while the reading Watch is not set. The lock
// keeps others from setting the writing one.
func (c *EventConn) relieve(t *turn) {
	if t.loop == nil || !t.loop.Relieving() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.more.Load() == nil && c.fd.Relieve(t.loop) {
		c.server().move(c)
	}
}

// run calls the callbacks that are due, by the state st from which its signals were
// taken. Afterwards the connection waits for what comes next, or was closed, and
// nobody ever runs it again.
func (c *EventConn) run(t *turn, st uint32) {
	for {
		own := st & (armed | told | opened)
		if st&fired != 0 {
			own &^= armed
		}
		if own&opened == 0 && !c.fd.Closed() {
			own |= opened
			if f := c.server().OnOpen; f != nil {
				c.call(f)
			}
		}
		if st&drained != 0 {
			c.end(ErrServerClosed, true)
		}
		if st&crossed != 0 {
			own = c.tell(own)
		}
		if own&armed == 0 {
			if c.wants() == data {
				c.read(t)
			}
			if c.wants() != space {
				c.relieve(t)
				switch err := c.fd.WatchRead(&c.watch); {
				case err == nil:
					own |= armed
				case errors.Is(err, os.ErrDeadlineExceeded):
					c.timeout()
					st = own | c.take()&signals
					continue
				case !errors.Is(err, net.ErrClosed):
					c.end(c.fail("read", err), false)
				}
			}
		}
		if c.fd.Closed() {
			c.finish(own)
			return
		}
		if c.leave(own) {
			return
		}
		st = own | c.take()&signals
	}
}

// leave ends a run unless there are signals. On a pool, others come first: the
// connection then queues again.
func (c *EventConn) leave(own uint32) bool {
	for {
		st := c.state.Load()
		if st&signals == 0 {
			if c.state.CompareAndSwap(st, own|st&chosen) {
				return true
			}
			continue
		}
		pool := c.server().Pool
		if pool == nil {
			return false
		}
		if c.state.CompareAndSwap(st, own|scheduled|st&(signals|chosen)) {
			pool.Go((*eventTask)(c))
			return true
		}
	}
}

// What a connection wants next. While it wants space the writing Watch is set
// and will tell; otherwise the reading one has to be.
const (
	data  = iota // to be read
	space        // to be rid of output first
	death        // to be shut, which is about to happen
)

func (c *EventConn) wants() int {
	if c.more.Load() == nil {
		return data
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m := c.more.Load(); {
	case m == nil:
		return data
	case m.over, m.closing && m.out != nil:
		return space
	case m.closing:
		return death
	}
	return data
}

// tell calls OnHighWater or OnLowWater unless that was the last one called.
func (c *EventConn) tell(own uint32) uint32 {
	c.mu.Lock()
	m := c.more.Load()
	over := m != nil && m.over
	c.mu.Unlock()
	f, now := c.server().OnLowWater, own&^told
	if over {
		f, now = c.server().OnHighWater, own|told
	}
	if f != nil && now != own {
		c.call(func(c *EventConn) error { f(c); return nil })
	}
	return now
}

// timeout deals with a read deadline that has passed.
func (c *EventConn) timeout() {
	s := c.server()
	own := c.state.Load()&chosen != 0
	if s.IdleTimeout > 0 { // before the callback, which may set its own
		c.awaitBytes(s.IdleTimeout)
	} else {
		c.fd.SetReadDeadline(time.Time{})
	}
	switch {
	case c.wants() != data: // it is being closed anyway
	case !own && c.readable(): // something has come, but was not looked at in time
	case s.OnTimeout == nil:
		c.end(os.ErrDeadlineExceeded, true)
	default:
		c.call(s.OnTimeout)
	}
}

// awaitBytes sets the deadline of the IdleTimeout d.
func (c *EventConn) awaitBytes(d time.Duration) {
	if c.state.Load()&chosen != 0 {
		c.state.And(^uint32(chosen))
	}
	c.fd.SetReadDeadline(time.Now().Add(d))
}

// readable asks the system whether there is something to read.
func (c *EventConn) readable() (yes bool) {
	c.fd.RawControl(func(fd uintptr) { yes = sys.Readable(int(fd)) })
	return yes
}

// call calls a callback. An error or a panic closes the connection.
func (c *EventConn) call(f func(*EventConn) error) {
	defer func() {
		if v := recover(); v != nil {
			c.end(c.panicked(v), false)
		}
	}()
	if err := f(c); err != nil {
		c.end(err, true)
	}
}

// panicked reports a panic with the value v.
func (c *EventConn) panicked(v any) error {
	s, e := c.server(), newPanicError(v)
	s.panics.Add(1)
	if s.OnPanic != nil {
		s.OnPanic(c, e.Value, e.Stack)
	} else {
		e.log(s.ErrorLog, c.RemoteAddr())
	}
	return e
}

// extend returns c.more, making it if need be. c.mu is held.
func (c *EventConn) extend() *more {
	m := c.more.Load()
	if m == nil {
		m = new(more)
		m.watch.Init((*writeWatcher)(c))
		c.more.Store(m)
	}
	return m
}

// trim drops c.more if nothing is in it. c.mu is held.
func (c *EventConn) trim(m *more) {
	if m.in == nil && m.out == nil && !m.watching && !m.over && !m.closing && !m.timed {
		c.more.Store(nil)
	}
}

// Close closes the connection once its pending output is out, for which it has
// the server's DrainTimeout; no more is read and Write fails from now on.
// OnClose is called with net.ErrClosed, not before a callback that is running
// has returned. A second Close returns net.ErrClosed.
func (c *EventConn) Close() error { return c.CloseWith(net.ErrClosed) }

// CloseWith is Close with another cause for OnClose.
func (c *EventConn) CloseWith(cause error) error {
	if !c.end(cause, true) {
		return net.ErrClosed
	}
	return nil
}

// end closes the connection for cause, unless it has another: when its output
// is out if drain is true and there is any, and at once otherwise. It reports
// whether it is the first to do so.
func (c *EventConn) end(cause error, drain bool) bool {
	c.mu.Lock()
	m := c.extend()
	first := !m.closing
	if first {
		m.closing, m.cause = true, cause
	}
	wait := drain && len(m.out) > 0
	if wait && first {
		m.timed = true
		c.fd.SetWriteDeadline(time.Now().Add(c.server().DrainTimeout))
	}
	c.mu.Unlock()
	if !wait {
		c.fd.Shut()
	}
	return first
}

// finish is the end of the last run.
func (c *EventConn) finish(own uint32) {
	s := c.server()
	c.mu.Lock()
	m := c.extend()
	if !m.closing {
		m.closing, m.cause = true, net.ErrClosed // the Runtime was shut down
	}
	cause := m.cause
	s.pending.Add(-int64(len(m.out) - m.off))
	s.unread.Add(-int64(len(m.in)))
	if m.over {
		s.slow.Add(-1)
	}
	m.in, m.out, m.off, m.over = nil, nil, 0, false
	c.mu.Unlock()
	if s.OnClose != nil && own&opened != 0 {
		c.call(func(c *EventConn) error { s.OnClose(c, cause); return nil })
	}
	c.home.Load().leave(c)
}

// SetData keeps a value with the connection, for Data.
func (c *EventConn) SetData(v any) { c.data = v }

// Data returns what SetData was given.
func (c *EventConn) Data() any { return c.data }

// LocalAddr returns the connection's own address, which must not be changed.
func (c *EventConn) LocalAddr() net.Addr { return c.fd.LocalAddr() }

// RemoteAddr returns the peer's address, which must not be changed.
func (c *EventConn) RemoteAddr() net.Addr { return c.fd.RemoteAddr() }

// SetReadDeadline sets the moment at which OnTimeout is called unless it is
// moved before; the zero time is none. See EventServer.IdleTimeout.
func (c *EventConn) SetReadDeadline(t time.Time) error {
	c.state.Or(chosen)
	if err := c.fd.SetReadDeadline(t); err != nil {
		return &net.OpError{Op: "set", Net: c.fd.Network(), Addr: c.LocalAddr(), Err: err}
	}
	return nil
}

// fail puts an error of the system into package net's form.
func (c *EventConn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: c.fd.Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

var _ io.ReadWriteCloser = (*EventConn)(nil)
