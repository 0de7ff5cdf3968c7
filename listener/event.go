package listener

import (
	"context"
	"log"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// Events are the callbacks of a connection in event mode; each may be nil. Two
// callbacks of one connection never run at the same time, and they come in
// order: OnOpen first, OnClose last. Those of different connections do run at
// the same time.
//
// Without a Pool callbacks run on the connection's event loop, and all other
// connections of that loop wait: they must not block. They must not call
// runtime.Goexit. A callback that panics has its connection closed. When the loop
// has far more to do than another one the connection may go on there: see
// runtime.Config.Pinned.
//
// An error that a callback returns closes the connection once its pending
// output is out, and is given to OnClose.
type Events struct {
	// OnOpen is called when the connection was accepted.
	OnOpen func(c *EventConn) error
	// OnReadable is called when bytes have come. It takes them with Next, Peek
	// and Discard, or Read. What it leaves is kept, and it is called again
	// when there is more.
	OnReadable func(c *EventConn) error
	// OnTimeout is called when the read deadline, or the server's IdleTimeout,
	// has passed; the deadline is then cleared, or counts from anew. When nil
	// the connection is closed with os.ErrDeadlineExceeded.
	OnTimeout func(c *EventConn) error
	// OnHighWater is called when more output is pending than the server's
	// HighWater, and OnLowWater when it has gone down to LowWater after that.
	// They alternate; a short excursion may go unreported.
	OnHighWater func(c *EventConn)
	OnLowWater  func(c *EventConn)
	// OnClose is called once, after the connection was closed. cause is io.EOF
	// when the peer ended the stream, net.ErrClosed after Close,
	// ErrServerClosed after the server's Shutdown, a *PanicError, what a
	// callback returned, or what went wrong: a *net.OpError.
	OnClose func(c *EventConn, cause error)
}

// An EventServer serves connections with callbacks: an idle connection has no
// goroutine and no buffer, and takes some 300 bytes. Its fields must not be
// changed once Serve was called; zero sizes mean the defaults. Its methods may
// be called from any goroutine but must not be called from a callback.
type EventServer struct {
	Events
	// Pool runs the callbacks, which may then block. It may be shared with
	// other servers. When nil they run on the event loops.
	Pool moorrt.Pool
	// ReadBuffer is the size in bytes of the buffer that a loop's connections
	// share for reading; 64 KiB by default.
	ReadBuffer int
	// MaxUnread is how many bytes OnReadable may leave; 64 KiB by default. The
	// connection of one that leaves more is closed with ErrUnread.
	MaxUnread int
	// Budget is how many bytes are read for a connection before all others
	// that are ready have their turn; 128 KiB by default. The last read may
	// exceed it.
	Budget int
	// WriteLimit is how many bytes of a connection's output are kept when the
	// socket does not take them; 1 MiB by default. Write returns ErrWriteLimit
	// instead of exceeding it.
	WriteLimit int
	// HighWater and LowWater are the marks for pending output; 64 KiB and
	// 16 KiB by default. From the high one to the low one the connection is
	// not read, so that a peer who does not read can't make it work.
	HighWater, LowWater int
	// WriteTimeout is how long pending output may wait without any progress;
	// for ever by default.
	WriteTimeout time.Duration
	// IdleTimeout is how long nothing may come; for ever by default. It
	// replaces the read deadline whenever something has come. It says nothing
	// of a connection that is not read, since its pending output is over the
	// mark: WriteTimeout is for peers that take nothing.
	IdleTimeout time.Duration
	// DrainTimeout is how long a connection that is being closed may take for
	// its pending output; 10 s by default.
	DrainTimeout time.Duration
	// Poison overwrites what Peek and Next returned as soon as the callback
	// has returned, so that a program that keeps such a slice fails visibly.
	// It is for tests.
	Poison bool
	// OnPanic is told of panics in callbacks, on the goroutine that panicked.
	// When nil they are logged.
	OnPanic func(c *EventConn, value any, stack []byte)
	// ErrorLog is where they are logged; package log's logger when nil.
	ErrorLog *log.Logger

	acceptor
	once  sync.Once
	homes map[*moorrt.Loop]*eventLoop // guarded by acceptor.mu
	turns sync.Pool                   // of *turn, for the Pool's goroutines

	pending, unread, slow atomic.Int64
	refused, panics       atomic.Uint64
}

// EventStats are an EventServer's figures at one moment.
type EventStats struct {
	AcceptStats
	Conns     int64  // connections that are open
	Pending   int64  // bytes of output that sockets have not taken yet
	Unread    int64  // bytes that OnReadable has left
	Slow      int64  // connections whose pending output is over the high mark
	Refused   uint64 // calls of Write that returned ErrWriteLimit
	Callbacks uint64 // calls of OnReadable
	Cut       uint64 // turns that were ended by the Budget
	Panics    uint64 // callbacks that panicked
}

// ServeEvents serves connections from ln with callbacks until ln is closed: see
// EventServer, whose fields opts may set. ln is one of this package's.
func ServeEvents(ln net.Listener, events Events, opts ...func(*EventServer)) error {
	s := &EventServer{Events: events}
	for _, opt := range opts {
		opt(s)
	}
	return s.Serve(ln)
}

// eventLoop is what an EventServer has for each event loop.
type eventLoop struct {
	server *EventServer
	turn   turn // of the callback that runs on the loop

	mu    sync.Mutex
	conns []*EventConn

	callbacks atomic.Uint64
	cut       atomic.Uint64
}

// defaults fills in what the user left out.
func (s *EventServer) defaults() {
	for size, value := range map[*int]int{
		&s.ReadBuffer: 64 << 10, &s.MaxUnread: 64 << 10, &s.Budget: 128 << 10,
		&s.WriteLimit: 1 << 20, &s.HighWater: 64 << 10, &s.LowWater: 16 << 10,
	} {
		if *size <= 0 {
			*size = value
		}
	}
	s.HighWater = min(s.HighWater, s.WriteLimit)
	s.LowWater = min(s.LowWater, s.HighWater)
	if s.DrainTimeout <= 0 {
		s.DrainTimeout = 10 * time.Second
	}
	s.turns.New = func() any { return new(turn) }
}

// Serve accepts connections from ln, which must be one of this package's, and
// serves them. It returns when ln is closed, with Accept's error, or with
// ErrServerClosed once Shutdown or Close was called. Connections are served
// on after it has returned. It closes ln.
func (s *EventServer) Serve(ln net.Listener) error {
	s.once.Do(s.defaults)
	return s.serve(ln, s.Pool, s.accept)
}

func (s *EventServer) accept(l *TCPListener) error {
	var c *EventConn
	err := l.fd.AcceptTCPInto(func() *netfd.FD {
		c = new(EventConn)
		return &c.fd
	}, l.rt, l.fromFile, l.keepAlive)
	if err != nil {
		return l.fail("accept", err)
	}
	runtime.KeepAlive(l)
	c.watch.Init((*readWatcher)(c))
	s.conns.Add(1)
	s.settle(c)
	if s.closed() {
		c.fd.Shut() // Shutdown may have missed it
	}
	if s.IdleTimeout > 0 {
		c.fd.SetReadDeadline(time.Now().Add(s.IdleTimeout))
	}
	c.fd.Loop().PostWatch(&c.watch)
	return nil
}

// settle puts a new connection among those of its loop.
func (s *EventServer) settle(c *EventConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.home(c.fd.Loop()).add(c)
}

// move puts a connection among those of its loop, which is another than before. It
// is always among some, or Shutdown could miss it.
func (s *EventServer) move(c *EventConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.home.Load().remove(c)
	s.home(c.fd.Loop()).add(c)
}

// home returns what there is for a loop. s.mu is held.
func (s *EventServer) home(l *moorrt.Loop) *eventLoop {
	h := s.homes[l]
	if h == nil {
		if s.homes == nil {
			s.homes = make(map[*moorrt.Loop]*eventLoop)
		}
		h = &eventLoop{server: s, turn: turn{loop: l}}
		s.homes[l] = h
	}
	return h
}

func (h *eventLoop) add(c *EventConn) {
	h.mu.Lock()
	c.home.Store(h)
	c.place = uint32(len(h.conns))
	h.conns = append(h.conns, c)
	h.mu.Unlock()
}

func (h *eventLoop) remove(c *EventConn) {
	h.mu.Lock()
	last := h.conns[len(h.conns)-1]
	h.conns[c.place], last.place = last, c.place
	h.conns[len(h.conns)-1] = nil
	h.conns = h.conns[:len(h.conns)-1]
	h.mu.Unlock()
}

// leave is for a connection that was closed.
func (h *eventLoop) leave(c *EventConn) {
	h.remove(c)
	h.server.leave()
}

// each calls f for every connection.
func (s *EventServer) each(f func(*EventConn)) {
	s.mu.Lock()
	var all []*EventConn
	for _, h := range s.homes {
		h.mu.Lock()
		all = append(all, h.conns...)
		h.mu.Unlock()
	}
	s.mu.Unlock()
	for _, c := range all {
		f(c)
	}
}

// Shutdown stops accepting and closes each connection with ErrServerClosed
// once a callback that is running has returned and its pending output is out.
// It returns when every OnClose has. When ctx ends first, what is left is
// closed at once, and ctx's error is returned.
func (s *EventServer) Shutdown(ctx context.Context) error {
	s.close()
	s.each(func(c *EventConn) {
		c.state.Or(drained)
		c.wake()
	})
	err := s.awaitLeaving(ctx)
	if err != nil {
		s.each(func(c *EventConn) { c.end(ErrServerClosed, false) })
	}
	return err
}

// Close stops accepting and closes all connections at once, with
// ErrServerClosed. It does not wait.
func (s *EventServer) Close() error {
	s.close()
	s.each(func(c *EventConn) { c.end(ErrServerClosed, false) })
	return nil
}

// Stats returns the server's figures.
func (s *EventServer) Stats() EventStats {
	st := EventStats{
		AcceptStats: s.stats(),
		Conns:       s.conns.Load(),
		Pending:     s.pending.Load(),
		Unread:      s.unread.Load(),
		Slow:        s.slow.Load(),
		Refused:     s.refused.Load(),
		Panics:      s.panics.Load(),
	}
	s.mu.Lock()
	for _, h := range s.homes {
		st.Callbacks += h.callbacks.Load()
		st.Cut += h.cut.Load()
	}
	s.mu.Unlock()
	return st
}
