package listener

import (
	"crypto/tls"
	"net"
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
	if d := p.handshakeTimeout(); d > 0 {
		c.SetDeadline(time.Now().Add(d))
	}
	err := c.Handshake()
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
