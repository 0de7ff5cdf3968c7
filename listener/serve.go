package listener

import (
	"context"
	"io"
	"log"
	"net"
	"sync"
	"sync/atomic"

	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// A Server serves connections with ordinary blocking code that their event
// loops run as coroutines: while a Read, or anything else on a connection,
// would block, the loop runs others, and no goroutine is woken when bytes come.
// It costs little more than callbacks do.
//
// A handler may do whatever a goroutine may: use crypto/tls and bufio on top,
// hand the connection to other goroutines too, dial, and read from several
// connections of this module. What it blocks on besides, such as a lock, a
// channel or a database, holds up its loop for a millisecond (see
// runtime.Config.Patience), then another goroutine takes the loop over. That
// costs more than a goroutine does, so handlers that keep blocking are served
// on goroutines; see Stats. The same holds for long computations, and for
// reading within an iter.Pull of its own, which is another goroutine.
//
// A handler that calls runtime.LockOSThread is treated like that while it is
// locked. It must not return locked: its thread and its goroutine, which would
// end, are then kept until the process ends. Where package runtime has no
// coroutines (processors other than amd64 and arm64) each handler has a
// goroutine of its own.
//
// The fields must not be changed once Serve or ServeConn was called. The
// methods may be called from any goroutine.
type Server struct {
	// Handler is called with each connection, of the type that Accept has
	// returned. The connection is closed when it returns, panics or calls
	// runtime.Goexit.
	Handler func(c net.Conn)
	// OnPanic is told of panics, on the goroutine that panicked. When nil
	// they are logged.
	OnPanic func(c net.Conn, value any, stack []byte)
	// OnGoexit is told of handlers that called runtime.Goexit. When nil they
	// are logged.
	OnGoexit func(c net.Conn)
	// ErrorLog is where panics are logged; package log's logger when nil.
	ErrorLog *log.Logger
	// Budget is how many bytes a handler may read and write, without having
	// to wait, before all others of its loop that are ready have their turn;
	// 128 KiB by default.
	Budget int

	acceptor
	once       sync.Once
	coroutines moorrt.Coroutines
	all        sync.Mutex // guards list
	list       []*served

	panics atomic.Uint64
	exits  atomic.Uint64
}

// ServeStats are a Server's figures at one moment.
type ServeStats struct {
	AcceptStats
	Conns     int64  // connections whose handler has not ended
	Blocking  int64  // those whose handler is served on a goroutine because it kept blocking
	TakeOvers uint64 // times that a handler kept its loop for too long
	Panics    uint64 // handlers that panicked
	Exits     uint64 // handlers that called runtime.Goexit
}

// Serve serves connections from ln with handler until ln is closed: see Server,
// whose fields opts may set.
func Serve(ln net.Listener, handler func(c net.Conn), opts ...func(*Server)) error {
	s := &Server{Handler: handler}
	for _, opt := range opts {
		opt(s)
	}
	return s.Serve(ln)
}

// served is a connection with its handler.
type served struct {
	net.Conn
	server *Server
	place  int // in server.list, guarded by server.all
}

// Serve accepts connections from ln and serves them. It returns when ln is
// closed, with Accept's error, or with ErrServerClosed once Shutdown or Close
// was called. Connections are served on after it has returned. It closes ln.
//
// ln is mostly one of this package's, or a listener of crypto/tls on top of
// one. Connections that are not of this module are served on goroutines.
func (s *Server) Serve(ln net.Listener) error {
	return s.serveAny(ln, nil, func() error {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		s.start(c)
		return nil
	})
}

// ServeConn serves a connection that was dialled, or accepted elsewhere, and
// does not wait for it. It returns ErrServerClosed, and leaves c alone, once
// Shutdown or Close was called.
func (s *Server) ServeConn(c net.Conn) error {
	if !s.begin(nil) {
		return ErrServerClosed
	}
	defer s.done(nil)
	s.start(c)
	return nil
}

// start starts the handler.
func (s *Server) start(c net.Conn) {
	s.once.Do(func() { s.coroutines.Budget = s.Budget })
	v := &served{Conn: c, server: s}
	s.conns.Add(1)
	s.all.Lock()
	v.place = len(s.list)
	s.list = append(s.list, v)
	s.all.Unlock()
	if s.closed() {
		v.shut() // Close may have missed it
	}
	if fd := fdOf(c); fd != nil {
		s.coroutines.Go(fd.Loop(), v.serve)
	} else {
		go v.serve()
	}
}

// fdOf returns the descriptor of the connection that c is, or is made on top
// of; nil if that is not of this module.
func fdOf(c net.Conn) *netfd.FD {
	for {
		switch of := c.(type) {
		case interface{ FD() *netfd.FD }:
			return of.FD()
		case interface{ NetConn() net.Conn }:
			c = of.NetConn()
		default:
			return nil
		}
	}
}

// serve is the coroutine.
func (v *served) serve() {
	s := v.server
	returned := false
	defer func() {
		switch value := recover(); {
		case value != nil:
			s.panics.Add(1)
			e := newPanicError(value)
			if s.OnPanic != nil {
				s.OnPanic(v.Conn, e.Value, e.Stack)
			} else {
				e.log(s.ErrorLog, v.RemoteAddr())
			}
		case !returned:
			s.exits.Add(1)
			if s.OnGoexit != nil {
				s.OnGoexit(v.Conn)
			} else {
				s.logf("listener: the handler of %v called runtime.Goexit", v.RemoteAddr())
			}
		}
		v.Close()
		s.remove(v)
	}()
	s.Handler(v.Conn)
	returned = true
}

func (s *Server) logf(format string, args ...any) {
	if s.ErrorLog != nil {
		s.ErrorLog.Printf(format, args...)
	} else {
		log.Printf(format, args...)
	}
}

func (s *Server) remove(v *served) {
	s.all.Lock()
	last := s.list[len(s.list)-1]
	s.list[v.place], last.place = last, v.place
	s.list[len(s.list)-1] = nil
	s.list = s.list[:len(s.list)-1]
	s.all.Unlock()
	s.leave()
}

// Shutdown stops accepting and waits until all handlers have ended. When ctx
// ends first it closes what is left under its handlers, and returns ctx's
// error. It can't know whether a handler that reads is in the middle of
// something: handlers that wait for a request end it by a deadline, or when
// the client does.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close()
	err := s.awaitLeaving(ctx)
	if err != nil {
		s.abort()
	}
	return err
}

// Close stops accepting and closes all connections at once, under their
// handlers. It does not wait for those.
func (s *Server) Close() error {
	s.close()
	s.abort()
	return nil
}

// abort closes all connections.
func (s *Server) abort() {
	s.all.Lock()
	all := append([]*served(nil), s.list...)
	s.all.Unlock()
	for _, v := range all {
		v.shut()
	}
}

// shut closes the connection without waiting, and without a word to the peer.
func (v *served) shut() {
	if fd := fdOf(v.Conn); fd != nil {
		fd.Shut()
	} else {
		v.Close()
	}
}

// Stats returns the server's figures.
func (s *Server) Stats() ServeStats {
	c := s.coroutines.Stats()
	return ServeStats{AcceptStats: s.stats(), Conns: s.conns.Load(), Blocking: c.Blocking,
		TakeOvers: c.TakeOvers, Panics: s.panics.Load(), Exits: s.exits.Load()}
}

var _ io.Closer = (*Server)(nil)
