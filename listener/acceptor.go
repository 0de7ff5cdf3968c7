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
	left      chan struct{} // a connection has

	conns    atomic.Int64
	accepted atomic.Uint64
	failed   atomic.Uint64
	pausing  atomic.Int32 // listeners
}

// init makes what the zero acceptor lacks. a.mu is held.
func (a *acceptor) init() {
	if a.ended == nil {
		a.ended, a.end = context.WithCancel(context.Background())
		a.left = make(chan struct{}, 1)
		a.listeners = make(map[net.Listener]struct{})
	}
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
	a.mu.Lock()
	a.init()
	if a.ended.Err() != nil {
		a.mu.Unlock()
		return ErrServerClosed
	}
	a.listeners[ln] = struct{}{}
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.listeners, ln)
		a.mu.Unlock()
	}()
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
	if a.closed() {
		select {
		case a.left <- struct{}{}:
		default:
		}
	}
}

// awaitLeaving waits until there are no connections. It is for after close.
func (a *acceptor) awaitLeaving(ctx context.Context) error {
	for a.conns.Load() > 0 {
		select {
		case <-a.left:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (a *acceptor) stats() AcceptStats {
	return AcceptStats{Accepted: a.accepted.Load(), Failed: a.failed.Load(), Pausing: a.pausing.Load() > 0}
}
