package listener

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// ErrDetached is returned by a BurstServer's handler that has taken the
// connection over: the server forgets it without closing it. Its read deadline stays
// as it is, the BurstTimeout's unless the handler has set another.
var ErrDetached = errors.New("listener: the connection was taken over")

// A BurstServer serves connections with blocking code that runs only while
// there is something to do. When bytes have come, or the end of the stream,
// Handler is called on a goroutine. It reads and writes like any other code,
// and returns when it has answered; until the next bytes come the connection
// has no goroutine and no buffer.
//
// Its fields must not be changed once Serve was called. Its methods may be
// called from any goroutine.
type BurstServer struct {
	// Handler is called with the connection, a *conn.TCPConn, whenever there
	// is something to read; never twice at the same time for one connection.
	// When it returns nil the connection waits for more. Whatever it has read
	// but not used it must have used by then: bytes in a bufio.Reader of its
	// own wake nobody. ErrDetached leaves the connection to the handler; any
	// other error closes it, and so does a panic. Other goroutines may write
	// to the connection at any time, but must not read from it.
	Handler func(c net.Conn) error
	// OnOpen is called when a connection was accepted, before Handler, on the
	// goroutine that accepts. An error closes the connection.
	OnOpen func(c net.Conn) error
	// OnClose is called once when a connection was closed for which OnOpen
	// was called, after Handler has returned. cause is what Handler or OnOpen
	// returned, os.ErrDeadlineExceeded after the IdleTimeout, net.ErrClosed
	// when the connection was closed between two bursts, ErrServerClosed, or
	// a *PanicError. It is called on a loop, where Handler or OnOpen was, or
	// by Shutdown, and must not block.
	OnClose func(c net.Conn, cause error)
	// Pool runs the handlers. It may be shared with other servers. When it is
	// full, connections wait unread, in the order in which their bytes came,
	// and no more are accepted. When nil, each burst has a goroutine of its
	// own, without any bound.
	Pool moorrt.Pool
	// BurstTimeout is how long a burst's reads may take together: the read
	// deadline when Handler is called. It keeps clients that send half a
	// request from holding the pool's goroutines. None by default.
	BurstTimeout time.Duration
	// IdleTimeout is how long a connection may wait for bytes; for ever by
	// default. A read deadline that Handler has set ends with the burst.
	IdleTimeout time.Duration
	// OnPanic is told of panics, on the goroutine that panicked. When nil
	// they are logged.
	OnPanic func(c net.Conn, value any, stack []byte)
	// ErrorLog is where they are logged; package log's logger when nil.
	ErrorLog *log.Logger

	acceptor
	all  sync.Mutex // guards list
	list []*burstConn

	bursting atomic.Int64
	bursts   atomic.Uint64
	panics   atomic.Uint64
}

// BurstStats are a BurstServer's figures at one moment.
type BurstStats struct {
	AcceptStats
	Conns    int64  // connections that are open
	Bursting int64  // those whose bytes have come: their handler runs or will
	Bursts   uint64 // handlers that have returned
	Panics   uint64 // handlers that panicked
}

// ServeBursts serves connections from ln with handler until ln is closed: see
// BurstServer, whose fields opts may set. ln is one of this package's.
func ServeBursts(ln net.Listener, handler func(net.Conn) error, opts ...func(*BurstServer)) error {
	s := &BurstServer{Handler: handler}
	for _, opt := range opts {
		opt(s)
	}
	return s.Serve(ln)
}

// A burstConn is a connection of a BurstServer. Its Notice is set whenever no
// handler runs, so one of the two always knows when it was closed.
type burstConn struct {
	*conn.TCPConn
	fd     *netfd.FD
	server *BurstServer
	notice moorrt.Notice
	place  int         // in server.list, guarded by server.all
	ended  atomic.Bool // by Shutdown or Close
}

// Serve accepts connections from ln, which must be one of this package's, and
// serves them. It returns when ln is closed, with Accept's error, or with
// ErrServerClosed once Shutdown or Close was called. Connections are served on
// after it has returned. It closes ln.
func (s *BurstServer) Serve(ln net.Listener) error {
	return s.serve(ln, s.Pool, s.accept)
}

func (s *BurstServer) accept(l *TCPListener) error {
	fd, err := l.fd.AcceptTCP(l.rt, l.fromFile, l.keepAlive)
	if err != nil {
		return l.fail("accept", err)
	}
	runtime.KeepAlive(l)
	b := &burstConn{TCPConn: conn.NewTCPConn(fd), fd: fd, server: s}
	b.notice.To = (*restingBurst)(b)
	s.conns.Add(1)
	s.all.Lock()
	b.place = len(s.list)
	s.list = append(s.list, b)
	s.all.Unlock()
	if s.OnOpen != nil {
		if err := b.call(s.OnOpen); err != nil {
			b.finish(err)
			return nil
		}
	}
	b.rest()
	return nil
}

// rest waits for the next burst.
func (b *burstConn) rest() {
	var at time.Time
	if d := b.server.IdleTimeout; d > 0 {
		at = time.Now().Add(d)
	}
	b.fd.SetReadDeadline(at)
	if err := b.fd.NotifyRead(&b.notice); err != nil {
		b.finish(err)
		return
	}
	// Shutdown, which cancels the Notices it finds set, may have been before.
	if b.ended.Load() || b.server.closed() {
		b.retire()
	}
}

// retire ends a connection that waits.
func (b *burstConn) retire() {
	b.ended.Store(true)
	if b.fd.CancelRead(&b.notice) {
		b.finish(ErrServerClosed)
	}
}

// restingBurst is a burstConn as its Notice sees it.
type restingBurst burstConn

// Notify is called on the loop when there is something to read.
func (r *restingBurst) Notify(err error) {
	b := (*burstConn)(r)
	if err != nil {
		b.finish(err)
		return
	}
	b.server.bursting.Add(1)
	if pool := b.server.Pool; pool != nil {
		pool.Go((*burstTask)(b))
	} else {
		go b.burst()
	}
}

// burstTask is a burstConn as a Pool sees it.
type burstTask burstConn

func (t *burstTask) Run() { (*burstConn)(t).burst() }

// burst is one call of the handler.
func (b *burstConn) burst() {
	s := b.server
	returned := false
	defer func() {
		if !returned { // the handler has called runtime.Goexit
			s.bursting.Add(-1)
			b.finish(net.ErrClosed)
		}
	}()
	var at time.Time
	if s.BurstTimeout > 0 {
		at = time.Now().Add(s.BurstTimeout)
	}
	b.fd.SetReadDeadline(at)
	err := b.call(s.Handler)
	returned = true
	s.bursting.Add(-1)
	s.bursts.Add(1)
	if err == nil {
		b.rest()
	} else {
		b.finish(err)
	}
}

// call calls f. A panic is reported and returned.
func (b *burstConn) call(f func(net.Conn) error) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		s, e := b.server, newPanicError(v)
		s.panics.Add(1)
		if s.OnPanic != nil {
			s.OnPanic(b.TCPConn, e.Value, e.Stack)
		} else {
			e.log(s.ErrorLog, b.RemoteAddr())
		}
		err = e
	}()
	return f(b.TCPConn)
}

// finish closes the connection and forgets it. It is called once, when the
// Notice is not set and no handler runs.
func (b *burstConn) finish(cause error) {
	s := b.server
	if b.ended.Load() && (errors.Is(cause, net.ErrClosed) || errors.Is(cause, os.ErrDeadlineExceeded)) {
		cause = ErrServerClosed
	}
	if cause != ErrDetached {
		b.fd.Shut() // the descriptor alone: this may be its loop
		if s.OnClose != nil {
			b.call(func(c net.Conn) error { s.OnClose(c, cause); return nil })
		}
	}
	s.all.Lock()
	last := s.list[len(s.list)-1]
	s.list[b.place], last.place = last, b.place
	s.list[len(s.list)-1] = nil
	s.list = s.list[:len(s.list)-1]
	s.all.Unlock()
	s.leave()
}

// each calls f for every connection.
func (s *BurstServer) each(f func(*burstConn)) {
	s.all.Lock()
	all := append([]*burstConn(nil), s.list...)
	s.all.Unlock()
	for _, b := range all {
		f(b)
	}
}

// Shutdown stops accepting, closes every connection that waits, and lets
// handlers that run, or are about to, answer; each OnClose is called with
// ErrServerClosed. When ctx ends first, what is left is closed under its
// handler, and ctx's error is returned. The Pool is left alone.
func (s *BurstServer) Shutdown(ctx context.Context) error {
	s.close()
	s.each((*burstConn).retire)
	err := s.awaitLeaving(ctx)
	if err != nil {
		s.each((*burstConn).abort)
	}
	return err
}

// Close stops accepting and closes all connections at once, under their
// handlers. It does not wait for those.
func (s *BurstServer) Close() error {
	s.close()
	s.each((*burstConn).abort)
	return nil
}

func (b *burstConn) abort() {
	b.ended.Store(true)
	b.fd.Shut()
}

// Stats returns the server's figures.
func (s *BurstServer) Stats() BurstStats {
	return BurstStats{AcceptStats: s.stats(), Conns: s.conns.Load(), Bursting: s.bursting.Load(),
		Bursts: s.bursts.Load(), Panics: s.panics.Load()}
}

var _ io.Closer = (*BurstServer)(nil)
