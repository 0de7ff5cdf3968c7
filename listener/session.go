package listener

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/mono"
	moorrt "github.com/moor-net/moor/runtime"
)

// A Session is a connection of a ParkListener, with all methods of the
// *conn.TCPConn below it. Accept returns the same value every time the
// connection comes back from being parked, so that it can be told apart from
// others, and used, by whoever got hold of it at any time.
//
// LocalAddr and RemoteAddr return equal values all the time, but not the same
// pointers once the connection was parked.
//
// What a request needs is in the second cache line of two; a wake-up needs both.
type Session struct {
	notice moorrt.Notice // while the session is waiting
	// deadline is the server's own on package mono's scale while the session is
	// evicted, zero for none. Otherwise the descriptor has it.
	deadline int64

	*conn.TCPConn
	p     *ParkListener
	more  *extras // nil for none
	mode  atomic.Uint64
	full  atomic.Int32 // the length of the first Read's buffer
	state state
	list  place // changed with both mutexes held
	// announced says that Accept has returned the session once, known that the
	// server's hook was told StateNew.
	announced, known bool

	next, prev *Session   // in one of p's lists
	mu         sync.Mutex // taken after p's
}

// extras are what most sessions do not have.
type extras struct {
	tls *TLSSession     // what the server sees in place of the Session
	ctx context.Context // what http.Server.ConnContext returned
}

// state says whose a session is.
type state uint8

const (
	waiting state = iota // parked, or new and without a first byte
	shaking              // in its TLS handshake
	queued               // for Accept
	serving              // the server's
	leaving              // the server's, whose Read has returned io.EOF in order to park
	left                 // closed by the server in order to park
	closed
)

// Bits of Session.mode. With none of them but watched, Read and SetReadDeadline
// do nothing of their own. A busy connection pays for no more than four atomic
// operations on this word.
//
// net/http tells the hook that a connection is idle, sets the deadline that
// IdleTimeout asks for, reads if its buffer holds less than four bytes, and
// sets another deadline. Only a read between the two may end for parking: any
// later one belongs to a request, if the idle one was not necessary.
//
// The upper half is p's tick when the idle read, or the wait, has begun.
const (
	opening   = 1 << iota    // no Read yet since Accept
	reported                 // StateIdle was reported
	deadlined                // and then the deadline set: the next Read is the idle one
	anyway                   // Idle was called: the next Read may end whatever its buffer
	reading                  // in the idle read
	watched                  // on the sweep's list, which it leaves only while not reading
	evicted                  // the idle read is to end, since the grace period is over; only while reading
	skipping                 // times the number of line ends that may be skipped: see skip
	skips     = 7 * skipping // of which there are four at most
	partial   = 8 * skipping // times the number of bytes until which the time before, parked, holds its deadline
	partials  = 7 * partial  // of which there are requestHead at most

	sinceShift = 32
	since      = 1<<64 - 1<<sinceShift
)

// sinceOf returns the tick of a mode.
func sinceOf(mode uint64) uint32 { return uint32(mode >> sinceShift) }

// leastBuffer is the smallest size that the buffer of a server's reader may
// have. What is smaller is a read for something in particular, such as the
// look for HTTP/2's preface.
const leastBuffer = 512

func newSession(p *ParkListener, c *conn.TCPConn) *Session {
	s := &Session{TCPConn: c, p: p}
	s.notice.To = (*waiter)(s)
	return s
}

// tls returns what the server sees in place of s, nil if that is s itself.
func (s *Session) tls() *TLSSession {
	if s.more == nil {
		return nil
	}
	return s.more.tls
}

// value returns what the server knows s as.
func (s *Session) value() net.Conn {
	if c := s.tls(); c != nil {
		return c
	}
	return s
}

// NetConn returns the connection below. Reading from it, closing it, or setting
// its deadlines does not go together with parking.
func (s *Session) NetConn() net.Conn { return s.TCPConn }

// RemoteAddr implements net.Conn.
//
// It is what net/http calls first on the goroutine that it starts for a
// connection, each time that comes back, and so the moment to prepare that. The
// stack is not to grow for this function first, and then once more.
//
//go:nosplit
func (s *Session) RemoteAddr() net.Addr {
	if s.mode.Load()&opening != 0 {
		return s.remoteAddr(false)
	}
	return s.TCPConn.RemoteAddr()
}

// remoteAddr is RemoteAddr on a stack as large as serving a request takes, 8 KiB.
// The runtime would get there in steps, each of which copies and adjusts what is
// there, which costs least when there is next to nothing yet. The size of a
// function's frame counts when it is called, whatever it then uses of it: with
// the runtime's reserve this one's is more than 4 KiB.
//
//go:noinline
func (s *Session) remoteAddr(use bool) net.Addr {
	if use {
		var frame [3584]byte
		touch(&frame)
	}
	return s.TCPConn.RemoteAddr()
}

//go:noinline
func touch(frame *[3584]byte) { frame[0] = 1 }

// Idle says that the server wants nothing but the next bytes: it has answered
// everything, and holds none in buffers of its own. If the next Read finds
// nothing for the grace period it returns io.EOF. The server then lets go of
// everything that belongs to the connection and calls Close, once; the
// connection stays open, and Accept returns it again when it is readable.
//
// An http.Server needs none of this: Park reads its hooks.
func (s *Session) Idle() {
	s.mode.Or(anyway)
}

// Busy takes back what Idle has said, for servers that find bytes in a buffer of
// theirs only afterwards: no Read ends in order to park the connection before
// the next Idle. It does not go together with a Read in progress.
func (s *Session) Busy() {
	if s.mode.Load()&anyway != 0 {
		s.set(0, anyway)
	}
}

// set changes bits of mode and returns what it was.
func (s *Session) set(on, off uint64) (was uint64) {
	for {
		was = s.mode.Load()
		if s.mode.CompareAndSwap(was, was&^off|on) {
			return was
		}
	}
}

// Read implements net.Conn. It returns io.EOF when the peer has ended, or in
// order to park the connection: see Idle and Park.
//
// A goroutine that sleeps in here has no more frames than below a connection
// that is not parked: each would have to come back from memory.
func (s *Session) Read(b []byte) (n int, err error) {
	var mode uint64
	if s.mode.Load()&^(watched|since) != 0 && len(b) > 0 {
		mode = s.begin(len(b))
	}
	for {
		if tls := s.tls(); tls == nil {
			n, err = s.FD().Read(b)
		} else {
			n, err = tls.Conn.Read(b)
		}
		if mode&skips == 0 || n == 0 {
			break
		}
		if n = s.skip(b[:n]); n > 0 || err != nil {
			break
		}
	}
	if mode&reading != 0 && s.set(0, reading|evicted)&evicted != 0 {
		n, err = s.leave(n, err)
	}
	if mode&partials != 0 && n > 0 {
		s.progress(n)
	}
	if err != nil && err != io.EOF {
		err = s.readError(err)
	}
	runtime.KeepAlive(s)
	return n, err
}

// begin is called before a read of length bytes if mode says more than nothing.
// It returns what mode says of the read: whether it is the idle one, which may
// end with io.EOF for parking, and which line ends are to be skipped.
//
// The server's buffer must be empty, or its bytes would be lost. net/http reads
// into what its buffer has left, so the read asks for as much as the session's
// first one exactly when nothing is in it.
func (s *Session) begin(length int) (mode uint64) {
	mode = s.mode.Load()
	if mode&opening != 0 {
		s.full.Store(0)
		if length >= leastBuffer {
			s.full.Store(int32(min(length, 1<<30)))
		}
	}
	idle := mode&anyway != 0 || mode&deadlined != 0 && length == int(s.full.Load())
	if mode&opening != 0 && length >= leastBuffer {
		// The handshake may have been all for now.
		idle = idle || s.tls() != nil && s.p.grace > 0
	}
	if !idle {
		return s.set(0, opening|reported|deadlined|anyway) & (skips | partials)
	}
	was := s.set(reading|uint64(s.p.tick.Load())<<sinceShift, opening|reported|deadlined|anyway|since)
	if s.p.grace <= 0 {
		s.mu.Lock()
		for !s.evict(s.mode.Load()) {
		}
		s.mu.Unlock()
	} else if was&watched == 0 {
		s.p.watch(s)
	}
	return was&(skips|partials) | reading
}

// requestHead is how many bytes of a request net/http waits for under the IdleTimeout.
const requestHead = 4

// progress is called after n bytes were read while the deadline of the time before
// holds: it ends when net/http would end it.
func (s *Session) progress(n int) {
	left := s.mode.Load() & partials / partial
	switch {
	case left == 0: // the server has set another
	case uint64(n) < left:
		s.set((left-uint64(n))*partial, partials)
	case s.set(0, partials)&partials != 0:
		s.FD().SetReadDeadline(time.Time{})
	}
}

// leave is called after an idle read that was evicted. It makes io.EOF of the
// deadline that it has met, if it has met no other.
func (s *Session) leave(n int, err error) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.restore()
	late := at != 0 && at <= mono.Now()
	if n == 0 && ok && s.state == serving && errors.Is(err, os.ErrDeadlineExceeded) && !late {
		s.state = leaving
		return 0, io.EOF
	}
	return n, err
}

// readError gives an error of Read its form.
func (s *Session) readError(err error) error {
	if s.tls() != nil {
		return err // it has it
	}
	fd := s.FD()
	return &net.OpError{Op: "read", Net: fd.Network(), Source: fd.LocalAddr(), Addr: fd.RemoteAddr(), Err: err}
}

// evict makes the idle read end that mode tells of. It reports false if it is not
// as mode says any more. A TLS connection survives it since the error is one of
// the few that crypto/tls does not keep. s.mu is held.
func (s *Session) evict(mode uint64) bool {
	if mode&reading == 0 || mode&evicted != 0 {
		return true
	}
	// The reader, when it sees the bit, waits for s.mu.
	if !s.mode.CompareAndSwap(mode, mode|evicted) {
		return false
	}
	s.expel()
	return true
}

// eviction is the deadline of a session that is evicted, on package mono's
// scale: long past, and no other than this one's.
const eviction = 2

// expel replaces the descriptor's deadline by one that is past. s.mu is held.
func (s *Session) expel() {
	for fd := s.FD(); !fd.Closed(); {
		at := fd.ReadDeadline()
		if at == eviction {
			return
		}
		s.deadline = at
		if fd.SwapReadDeadline(at, eviction) {
			return
		}
	}
}

// restore gives the descriptor the server's own deadline back, unless it has got
// a newer one, and returns it. It reports false when the connection is closed.
// s.mu is held.
func (s *Session) restore() (at int64, ok bool) {
	fd := s.FD()
	if fd.SwapReadDeadline(eviction, s.deadline) {
		return s.deadline, true
	}
	return fd.ReadDeadline(), !fd.Closed()
}

// skip takes off the beginning of b, which was read, the line ends that some
// clients send after the body of a POST, and that RFC 9112, section 2.2, allows
// a server to ignore before a request. It returns what is left. net/http skips
// up to four, if the request before was a POST, which it does not know any more
// once the connection was parked.
func (s *Session) skip(b []byte) int {
	left := s.mode.Load() & skips / skipping
	ends := uint64(0)
	for ends < left && int(ends) < len(b) && (b[ends] == '\r' || b[ends] == '\n') {
		ends++
	}
	if int(ends) < len(b) {
		left = 0 // the request has begun
	} else {
		left -= ends
	}
	s.set(left*skipping, skips)
	return copy(b, b[ends:])
}

// SetReadDeadline implements net.Conn.
func (s *Session) SetReadDeadline(t time.Time) error {
	if s.mode.Load()&(reported|deadlined|partials) != 0 {
		s.advance()
	}
	err := s.FD().SetReadDeadline(t)
	if err != nil || s.mode.Load()&evicted != 0 {
		err = s.reset(t, err)
	}
	runtime.KeepAlive(s)
	return err
}

// advance notes a deadline that is set after StateIdle was reported.
func (s *Session) advance() {
	if s.mode.Load()&reported != 0 {
		s.set(deadlined, reported|partials)
	} else {
		s.set(0, deadlined|partials)
	}
}

// reset is called after the deadline was set to t if that has failed, or while
// the session is evicted: it may have replaced the deadline that is to end the
// idle read, after which it is set again.
func (s *Session) reset(t time.Time, err error) error {
	if err != nil {
		return s.TCPConn.SetReadDeadline(t) // which gives the error its form
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mode.Load()&evicted != 0 {
		s.expel()
	}
	return nil
}

// SetDeadline implements net.Conn.
func (s *Session) SetDeadline(t time.Time) error {
	if err := s.SetReadDeadline(t); err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

// Close implements net.Conn. After a Read that returned io.EOF in order to park
// the connection it parks it; otherwise, and when called again, it closes it.
func (s *Session) Close() error {
	s.mu.Lock()
	was := s.state
	switch was {
	case leaving:
		s.state = left
		s.mu.Unlock()
		if !s.p.hooked {
			s.p.park(s)
		}
		return nil
	case closed:
		s.mu.Unlock()
		return s.TCPConn.Close() // which says what a second Close says
	}
	s.state = closed
	s.mu.Unlock()
	s.p.remove(s)
	err := s.shut()
	if was != serving && was != left {
		s.p.bury(s) // the server's hook does not know yet
	}
	return err
}

// shut closes what is below the session.
func (s *Session) shut() error {
	if c := s.tls(); c != nil {
		return c.Conn.Close()
	}
	return s.TCPConn.Close()
}

// resume makes s, which is in listQueued, the server's, and reports false if it
// was closed meanwhile. p.mu is held.
func (p *ParkListener) resume(s *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.put(s, listNone)
	if s.state != queued {
		return false
	}
	s.state = serving
	mode := uint64(opening)
	timed := s.FD().ReadDeadline() != 0
	if s.announced {
		mode |= 4 * skipping
		if timed && p.hooked { // net/http's IdleTimeout goes on
			mode |= requestHead * partial
			timed = false
		}
	}
	s.mode.Store(mode)
	s.announced = true
	if timed {
		s.FD().SetReadDeadline(time.Time{})
	}
	return true
}

// release takes s out of the scheme.
func (s *Session) release() {
	s.mu.Lock()
	s.mode.Store(0)
	s.mu.Unlock()
	s.p.remove(s)
}
