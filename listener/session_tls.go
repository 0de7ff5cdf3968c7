package listener

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// A TLSSession is a TLS connection of a ParkListener: a Session with all
// methods of the *tls.Conn on it. Since it has ConnectionState, net/http fills
// Request.TLS.
type TLSSession struct {
	*tls.Conn
	s *Session
}

// Idle is Session.Idle.
func (c *TLSSession) Idle() { c.s.Idle() }

// Busy is Session.Busy.
func (c *TLSSession) Busy() { c.s.Busy() }

// Read implements net.Conn: see Session.Read.
func (c *TLSSession) Read(b []byte) (int, error) { return c.s.Read(b) }

// Close implements net.Conn: see Session.Close.
func (c *TLSSession) Close() error { return c.s.Close() }

// SetReadDeadline implements net.Conn.
func (c *TLSSession) SetReadDeadline(t time.Time) error { return c.s.SetReadDeadline(t) }

// SetDeadline implements net.Conn.
func (c *TLSSession) SetDeadline(t time.Time) error { return c.s.SetDeadline(t) }

// RemoteAddr implements net.Conn: see Session.RemoteAddr.
//
//go:nosplit
func (c *TLSSession) RemoteAddr() net.Addr { return c.s.RemoteAddr() }

// NetConn returns the *conn.TCPConn below, as a *tls.Conn's does.
func (c *TLSSession) NetConn() net.Conn { return c.s.TCPConn }

// handshake runs c's handshake and gives it to Accept. If it fails that is for
// the server to find out and to tell: the *tls.Conn has kept the error.
func (p *ParkListener) handshake(s *Session, c *tls.Conn) {
	returned := false
	defer func() {
		if returned {
			return
		}
		// A function of the tls.Config has panicked, which net/http reports too, or
		// called runtime.Goexit.
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			p.logf("http: panic serving %v: %v\n%s", c.RemoteAddr(), v, debug.Stack())
		}
		if s.end(shaking) {
			p.remove(s)
		}
		s.TCPConn.Close()
	}()
	if d := p.handshakeTimeout(); d > 0 {
		c.SetDeadline(time.Now().Add(d))
	}
	err := c.HandshakeContext(p.handshakeContext(c))
	returned = true
	c.SetDeadline(time.Time{})
	if proto := c.ConnectionState().NegotiatedProtocol; err == nil && (proto == "" || proto == "http/1.1" || proto == "http/1.0") {
		p.ready(s, shaking)
		return
	}
	// Other protocols need the *tls.Conn itself.
	s.mu.Lock()
	gone := s.state == closed
	s.state = closed
	s.mu.Unlock()
	p.remove(s)
	if gone || !p.push(c) {
		c.Close()
	}
}

// handshakeContext is what of net/http's context does not depend on a connection's
// having been accepted.
func (p *ParkListener) handshakeContext(c *tls.Conn) context.Context {
	ctx := context.Background()
	if p.srv != nil {
		ctx = context.WithValue(ctx, http.ServerContextKey, p.srv)
		ctx = context.WithValue(ctx, http.LocalAddrContextKey, c.LocalAddr())
	}
	return ctx
}

// handshakeTimeout is net/http's, and FirstByte's if that is shorter or the only one.
func (p *ParkListener) handshakeTimeout() time.Duration {
	d := p.first
	if p.srv == nil {
		return d
	}
	for _, limit := range []time.Duration{p.srv.ReadHeaderTimeout, p.srv.ReadTimeout, p.srv.WriteTimeout} {
		if limit > 0 && (d <= 0 || limit < d) {
			d = limit
		}
	}
	return d
}
