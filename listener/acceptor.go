package listener

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/moor-net/moor/internal/sockerr"
	moorrt "github.com/moor-net/moor/runtime"
)

// ErrServerClosed is returned by the Serve of a server that was shut down, and
// is why its connections were closed.
var ErrServerClosed = errors.New("listener: the server was shut down")

// AcceptStats say how accepting goes.
type AcceptStats struct {
	Accepted uint64 // connections
	Failed   uint64 // calls that failed for a reason that goes away
	// Pausing says that the system has no descriptors or memory for more
	// connections (EMFILE, ENFILE, ENOBUFS, ENOMEM): the server tries again
	// after a pause of 5 ms that doubles up to a second.
	Pausing bool
}

// An acceptor is what all servers have in common: listeners, a count of
// connections, and an end. The zero acceptor is open.
type acceptor struct {
	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	ended     context.Context // from the first use on
	end       context.CancelFunc
	left      chan struct{} // a connection has, or somebody who takes them in

	conns    atomic.Int64
	accepted atomic.Uint64
	failed   atomic.Uint64
	pausing  atomic.Int32 // listeners
	taking   atomic.Int32 // who may be about to take a connection in
}

// init makes what the zero acceptor lacks. a.mu is held.
func (a *acceptor) init() {
	if a.ended == nil {
		a.ended, a.end = context.WithCancel(context.Background())
		a.left = make(chan struct{}, 1)
		a.listeners = make(map[net.Listener]struct{})
	}
}

// begin lets the caller take connections in until done, unless the server was shut
// down: a Shutdown waits for it as well, since a connection that was accepted is
// counted only some time after. ln, if any, is closed by close.
func (a *acceptor) begin(ln net.Listener) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.init()
	if a.ended.Err() != nil {
		return false
	}
	if ln != nil {
		a.listeners[ln] = struct{}{}
	}
	a.taking.Add(1)
	return true
}

// done is begin's end.
func (a *acceptor) done(ln net.Listener) {
	a.mu.Lock()
	delete(a.listeners, ln)
	a.mu.Unlock()
	a.taking.Add(-1)
	a.tell()
}

// serve is serveAny for servers that need connections of this package.
func (a *acceptor) serve(ln net.Listener, pool moorrt.Pool, accept func(*TCPListener) error) error {
	l, ok := ln.(*TCPListener)
	if !ok {
		return &net.OpError{Op: "serve", Net: ln.Addr().Network(), Addr: ln.Addr(),
			Err: errors.New("not a listener of this package")}
	}
	return a.serveAny(l, pool, func() error { return accept(l) })
}

// serveAny accepts from ln until that is closed or the server shut down. accept
// takes one connection.
func (a *acceptor) serveAny(ln net.Listener, pool moorrt.Pool, accept func() error) error {
	defer ln.Close()
	if !a.begin(ln) {
		return ErrServerClosed
	}
	defer a.done(ln)
	var pause time.Duration
	for {
		if pool != nil {
			select {
			case <-pool.Room():
			case <-a.ended.Done():
				return ErrServerClosed
			}
		}
		err := accept()
		switch {
		case err == nil:
			pause = 0
			a.accepted.Add(1)
		case a.ended.Err() != nil:
			return ErrServerClosed
		case errors.Is(err, syscall.ECONNABORTED):
			a.failed.Add(1)
		case sockerr.Scarce(err):
			a.failed.Add(1)
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			a.rest(pause)
		default:
			return err
		}
	}
}

// rest waits for d or the server's end.
func (a *acceptor) rest(d time.Duration) {
	a.pausing.Add(1)
	defer a.pausing.Add(-1)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.ended.Done():
	}
}

// close makes every serve return. It reports whether it is the first to.
func (a *acceptor) close() bool {
	a.mu.Lock()
	a.init()
	first := a.ended.Err() == nil
	a.end()
	for l := range a.listeners {
		l.Close()
	}
	a.mu.Unlock()
	return first
}

// closed reports whether close was called. It is for after serve has begun.
func (a *acceptor) closed() bool { return a.ended.Err() != nil }

// leave takes one connection off the count.
func (a *acceptor) leave() {
	a.conns.Add(-1)
	a.tell()
}

// tell wakes one who waits in awaitLeaving.
func (a *acceptor) tell() {
	if a.closed() {
		select {
		case a.left <- struct{}{}:
		default:
		}
	}
}

// awaitLeaving waits until there are no connections, and nobody takes any in. It is
// for after close.
func (a *acceptor) awaitLeaving(ctx context.Context) error {
	for a.taking.Load() > 0 || a.conns.Load() > 0 {
		select {
		case <-a.left:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	a.tell() // the next one
	return nil
}

func (a *acceptor) stats() AcceptStats {
	return AcceptStats{Accepted: a.accepted.Load(), Failed: a.failed.Load(), Pausing: a.pausing.Load() > 0}
}
