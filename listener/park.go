package listener

import (
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/netfd"
)

// Park returns a listener for srv to serve from, on which idle keep-alive
// connections cost next to nothing: no goroutine, no buffer, a few hundred
// bytes. One line changes:
//
//	ln, err := listener.Listen("tcp", ":8080")
//	...
//	ln, err = listener.Park(srv, ln) // new
//	...
//	srv.Serve(ln)
//
// For TLS, Park's argument is what tls.NewListener returned for a listener of
// this package, and srv.Serve (not ServeTLS) serves from Park's. As ever with
// Serve, the tls.Config's NextProtos name "h2" if the server is to speak
// HTTP/2, and "http/1.1". HTTP/1 connections are parked, others are given to
// the server as the *tls.Conn they are; so are connections that are neither of
// this module's TCP nor TLS on it, which stay as they are.
//
// What is different:
//
//   - A connection reaches the server when its first byte is there, or its
//     end. If neither comes within FirstByte it is closed without a word. A TLS
//     connection's handshake is done before, in a context that has nothing of
//     srv.BaseContext and srv.ConnContext.
//   - When a connection has been idle for the Grace period, the server is made
//     to let go of it, and gets it again when it is readable. If it ends while
//     parked the server has no work with that. http.Server's IdleTimeout holds
//     all the while.
//   - The value of a connection, as hooks, handlers and Hijack see it, is a
//     *Session or *TLSSession, and the same from first to last. ConnState is
//     told StateNew and StateClosed once, ConnContext called once.
//   - The timeouts of net/http for the header begin anew when a parked
//     connection is given back.
//   - Up to four line ends before the first request after having been parked
//     are ignored; net/http does so after a POST only.
//   - SetKeepAlivesEnabled(false) does not close parked connections: that
//     comes with their next answer, and with Shutdown.
//
// Shutdown and Close of srv close parked connections. The ConnState hook is
// told so by a goroutine of the listener, one connection after the other.
//
// srv.ConnState and srv.ConnContext are replaced by functions that call the
// ones that were there, so they must be set before and not be changed after.
// Nothing is parked on a server whose Protocols include unencrypted HTTP/2.
// The error is for arguments that are nil.
func Park(srv *http.Server, ln net.Listener, opts ...ParkOption) (net.Listener, error) {
	if srv == nil || ln == nil {
		return nil, errors.New("listener: Park needs a server and a listener")
	}
	p := NewParkListener(ln, opts...)
	p.hook(srv)
	return p, nil
}

// A ParkOption changes how a ParkListener treats idle connections.
type ParkOption func(*ParkListener)

// Grace sets how long a connection must have been idle, at least, to be parked:
// 5 s by default. It is exceeded by up to an eighth, or by 10 ms. With zero or less
// connections are parked whenever they are idle, which costs busy ones dearly.
func Grace(d time.Duration) ParkOption {
	return func(p *ParkListener) { p.grace = d }
}

// FirstByte sets how long a new connection may take, at least, to send its first
// byte, and a TLS connection for the handshake besides; none if zero or less.
// The default is the server's ReadHeaderTimeout or ReadTimeout, or else a
// minute.
func FirstByte(d time.Duration) ParkOption {
	return func(p *ParkListener) { p.first, p.firstSet = d, true }
}

// A ParkListener is what Park returns. Servers other than net/http's use it by
// calling Session.Idle. Any number of goroutines may call its methods.
type ParkListener struct {
	ln       net.Listener
	addr     net.Addr
	grace    time.Duration
	first    time.Duration
	firstSet bool

	srv    *http.Server // nil without
	user   hooks
	hooked bool // connections are parked by the server's hook

	tick  atomic.Uint32     // the number of periods gone by: see sweep
	local netfd.SharedAddrs // of the connections' own ends

	_ [64]byte // what is above every request reads, and seldom changes

	mu        sync.Mutex
	arrival   sync.Cond  // listQueued, queue, failed or shut has changed
	queue     []net.Conn // for Accept, what can't be parked
	failed    error      // for one Accept to return
	accepting bool       // there is an acceptor
	shut      bool
	lists     [lists]list
	parks     uint64
	timer     *time.Timer
	ticking   bool
	dead      []*Session // not closed yet
	burying   bool
	untold    []*Session // whose end the hook is not told of yet
	telling   bool
}

// NewParkListener returns a listener on ln for any server. What Park says of
// connections and options holds for it too.
func NewParkListener(ln net.Listener, opts ...ParkOption) *ParkListener {
	p := &ParkListener{ln: ln, addr: ln.Addr(), grace: 5 * time.Second, first: time.Minute}
	p.arrival.L = &p.mu
	for _, opt := range opts {
		opt(p)
	}
	return p
}

// Addr implements net.Listener.
func (p *ParkListener) Addr() net.Addr { return p.ln.Addr() }

// ParkStats are a ParkListener's figures at one moment.
type ParkStats struct {
	Silent  int    // new connections before their first byte: the server knows nothing of them
	Shaking int    // those in their TLS handshake: nor of them
	Parked  int    // idle ones that the server has had, and will have again
	Parks   uint64 // how often a connection was parked
}

// Stats returns the listener's figures. They fit together exactly; but a
// connection that has become readable and was not accepted yet is in none.
func (p *ParkListener) Stats() ParkStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return ParkStats{p.lists[listFresh].n, p.lists[listShaking].n, p.lists[listParked].n, p.parks}
}

// Parked returns the number of connections that wait outside of the server: idle
// ones, and new ones before their first byte or in their handshake.
func (p *ParkListener) Parked() int {
	s := p.Stats()
	return s.Parked + s.Silent + s.Shaking
}

// Accept implements net.Listener. It returns a new connection that has sent
// something, or one that was parked and is readable again.
func (p *ParkListener) Accept() (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.shut:
			p.mu.Unlock()
			c, err := p.ln.Accept() // which says what a closed listener says
			p.mu.Lock()
			if err == nil {
				c.Close()
				err = net.ErrClosed
			}
			return nil, err
		case p.lists[listQueued].first != nil:
			if s := p.lists[listQueued].first; p.resume(s) {
				return s.value(), nil
			}
		case len(p.queue) > 0:
			c := p.queue[0]
			p.queue[0] = nil
			if p.queue = p.queue[1:]; len(p.queue) == 0 {
				p.queue = nil // after a burst it is large
			}
			return c, nil
		case p.failed != nil:
			err := p.failed
			p.failed = nil
			return nil, err
		case !p.accepting:
			p.accepting = true
			go p.accept()
		default:
			p.arrival.Wait()
		}
	}
}

// session returns c as what it is if it belongs to p, otherwise nil.
func (p *ParkListener) session(c net.Conn) *Session {
	switch c := c.(type) {
	case *Session:
		if c.p == p {
			return c
		}
	case *TLSSession:
		if c.s.p == p {
			return c.s
		}
	}
	return nil
}

// accept takes connections from the listener below. Errors that pass it waits
// out by itself, since Accept has other connections to return meanwhile.
func (p *ParkListener) accept() {
	var delay time.Duration
	for {
		c, err := p.ln.Accept()
		if err == nil {
			delay = 0
			p.take(c)
			continue
		}
		var ne net.Error
		//lint:ignore SA1019 as net/http asks
		if errors.As(err, &ne) && ne.Temporary() && !ne.Timeout() {
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			p.logf("http: Accept error: %v; retrying in %v", err, delay)
			time.Sleep(delay)
			continue
		}
		p.mu.Lock()
		p.failed, p.accepting = err, false
		p.arrival.Broadcast()
		p.mu.Unlock()
		return
	}
}

func (p *ParkListener) logf(format string, args ...any) {
	if p.srv != nil && p.srv.ErrorLog != nil {
		p.srv.ErrorLog.Printf(format, args...)
	} else {
		log.Printf(format, args...)
	}
}

// take lets a new connection wait for its first byte.
func (p *ParkListener) take(c net.Conn) {
	tc, secure := c.(*tls.Conn)
	below := c
	if secure {
		below = tc.NetConn()
	}
	raw, ok := below.(*conn.TCPConn)
	if !ok {
		if !p.push(c) {
			c.Close()
		}
		return
	}
	s := newSession(p, raw)
	if secure || p.user.context != nil {
		s.more = new(extras)
	}
	if secure {
		s.more.tls = &TLSSession{tc, s}
	}
	p.wait(s, waiting, listFresh)
}

// push gives c, which is no Session of p, to Accept. It reports false when there is no Accept any more.
func (p *ParkListener) push(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut {
		return false
	}
	p.queue = append(p.queue, c)
	p.arrival.Signal()
	return true
}

// Close implements net.Listener. It closes parked connections; those that the
// server has are its own affair, except that they are not parked any more.
func (p *ParkListener) Close() error {
	p.mu.Lock()
	p.shut = true
	for _, c := range p.queue {
		defer c.Close()
	}
	p.queue = nil
	var gone []*Session
	for _, place := range []place{listFresh, listShaking, listParked, listQueued} {
		for s := p.lists[place].first; s != nil; {
			next := s.next
			if s.end(waiting) || s.end(shaking) || s.end(queued) {
				p.move(s, listNone)
				gone = append(gone, s)
			}
			s = next
		}
	}
	p.arrival.Broadcast()
	p.mu.Unlock()
	err := p.ln.Close()
	for _, s := range gone {
		if s.tls() != nil {
			go s.shut() // it may wait to send its last words
		} else {
			s.shut()
		}
	}
	p.bury(gone...)
	return err
}
