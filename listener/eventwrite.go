package listener

import (
	"errors"
	"net"
	"time"

	moorrt "github.com/moor-net/moor/runtime"
)

// ErrWriteLimit is returned by Write when the peer is so slow that the output
// would exceed the server's WriteLimit.
var ErrWriteLimit = errors.New("listener: too much output is pending")

// Write sends p, after everything that was written before and not interleaved
// with any other Write. It does not wait: what the socket does not take at once
// is copied and sent when the peer makes room. p may be used again as soon as
// Write has returned.
//
// It returns ErrWriteLimit if more would be pending than the server's
// WriteLimit allows, with the number of bytes that the socket did take: p[n:]
// may be tried again after OnLowWater. After Close the error matches
// net.ErrClosed. An error of the system closes the connection.
func (c *EventConn) Write(p []byte) (int, error) {
	n, over, err := c.write(p)
	switch {
	case over:
		c.cross()
	case err == nil, err == ErrWriteLimit:
	default:
		err = c.fail("write", err)
		if !errors.Is(err, net.ErrClosed) {
			c.end(err, false)
		}
	}
	return n, err
}

// cross makes the connection find that its pending output has crossed the high mark.
// Nothing else may: it is not to be read now, so its reading Watch may not be set.
func (c *EventConn) cross() {
	if c.state.Or(crossed)&scheduled != 0 {
		return // who runs it does
	}
	l := c.fd.Loop()
	l.Post(func() {
		if c.fd.Loop() != l {
			c.cross() // it has moved meanwhile
		} else {
			c.signal(crossed)
		}
	})
}

// write is Write without what must not be done under the lock. over says that
// the high mark was crossed.
func (c *EventConn) write(p []byte) (n int, over bool, err error) {
	c.mu.Lock()
	m := c.more.Load()
	if m == nil { // as mostly
		if n, err = c.fd.TryWrite(p); err != moorrt.ErrAgain {
			c.mu.Unlock()
			return n, false, err
		}
	}
	defer c.mu.Unlock()
	if m != nil && m.closing {
		return 0, false, net.ErrClosed
	}
	if m != nil && m.out == nil {
		if n, err = c.fd.TryWrite(p); err != moorrt.ErrAgain {
			return n, false, err
		}
	}
	s, rest := c.server(), p[n:]
	if len(rest) == 0 {
		return n, false, nil
	}
	m = c.extend()
	pending := len(m.out) - m.off
	if pending+len(rest) > s.WriteLimit {
		s.refused.Add(1)
		c.trim(m)
		return n, false, ErrWriteLimit
	}
	if !m.watching {
		c.expect(m)
		if err := c.fd.WatchWrite(&m.watch); err != nil {
			return n, false, err
		}
		m.watching = true
	}
	if m.off > 0 && len(m.out)+len(rest) > cap(m.out) {
		m.out = m.out[:copy(m.out, m.out[m.off:])]
		m.off = 0
	}
	m.out = append(m.out, rest...)
	s.pending.Add(int64(len(rest)))
	if !m.over && pending+len(rest) > s.HighWater {
		m.over, over = true, true
		s.slow.Add(1)
	}
	return len(p), over, nil
}

// expect starts the time in which there must be progress. c.mu is held.
func (c *EventConn) expect(m *more) {
	if t := c.server().WriteTimeout; t > 0 && !m.closing {
		m.timed = true
		c.fd.SetWriteDeadline(time.Now().Add(t))
	}
}

// flush sends what is pending. It is called when the writing Watch tells.
func (c *EventConn) flush() {
	why, err := c.send()
	switch {
	case err == nil:
	case errors.Is(err, net.ErrClosed):
		why |= ended
	default:
		c.end(c.fail("write", err), false)
		why |= ended
	}
	if why&ended != 0 {
		c.fd.Shut()
	}
	if why != 0 {
		c.signal(why)
	}
}

// send is flush without what must not be done under the lock. It returns what
// is to be signalled.
func (c *EventConn) send() (why uint32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, m := c.server(), c.more.Load()
	m.watching = false
	if m.out != nil {
		n, err := c.fd.TryWrite(m.out[m.off:])
		m.off += n
		s.pending.Add(-int64(n))
		if n > 0 {
			c.expect(m)
		}
		if err == moorrt.ErrAgain {
			err = c.fd.WatchWrite(&m.watch)
			m.watching = err == nil
		}
		if err != nil {
			return 0, err
		}
	}
	if m.off == len(m.out) {
		m.out, m.off = nil, 0
	}
	if m.over && len(m.out)-m.off <= s.LowWater {
		m.over = false
		s.slow.Add(-1)
		why |= crossed
	}
	if m.out == nil {
		if m.closing {
			return why | ended, nil
		}
		if m.timed {
			m.timed = false
			c.fd.SetWriteDeadline(time.Time{})
		}
	}
	c.trim(m)
	return why, nil
}

// Pending returns the number of bytes that were written and that the socket
// has not taken yet.
func (c *EventConn) Pending() int {
	if c.more.Load() == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.more.Load(); m != nil {
		return len(m.out) - m.off
	}
	return 0
}
