package listener

import (
	"errors"
	"io"
	"net"
	"os"

	moorrt "github.com/moor-net/moor/runtime"
)

// A turn is what a callback reads from. The slices that it hands out lie in
// buf, which all connections of a loop share, or in what the connection kept.
type turn struct {
	buf  []byte
	data []byte       // not consumed yet
	loop *moorrt.Loop // whose it is; nil for a Pool's
}

// ErrIncomplete is returned by Peek, Next, Discard and Read when there are
// fewer bytes than were asked for. OnReadable returns then, and is called again
// when there are more.
var ErrIncomplete = errors.New("listener: not all bytes have come yet")

// leftRoom is the least room for a read behind bytes that were left.
const leftRoom = 4 << 10

// read reads and calls OnReadable until nothing is there, the connection is
// not to be read any more, or the budget is used up: what is then left over
// makes WatchRead tell with the loop's next turn, behind all others.
func (c *EventConn) read(t *turn) {
	s := c.server()
	for budget := s.Budget; ; {
		buf, kept := c.input(t)
		n, err := c.fd.TryRead(buf[kept:])
		if n > 0 {
			budget -= n
			if s.IdleTimeout > 0 {
				c.awaitBytes(s.IdleTimeout)
			}
			c.home.Load().callbacks.Add(1)
			t.data = buf[:kept+n]
			c.turn = t
			if s.OnReadable != nil {
				c.call(s.OnReadable)
			} else {
				t.data = nil
			}
			c.turn = nil
			c.keep(t, buf, kept)
		}
		switch {
		case err == nil:
		case err == io.EOF:
			c.end(io.EOF, true)
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.timeout()
		case err == moorrt.ErrAgain, err == net.ErrClosed:
		default:
			c.end(c.fail("read", err), false)
		}
		if err != nil || !c.fd.ReadReady() || c.wants() != data {
			return
		}
		if budget <= 0 {
			c.home.Load().cut.Add(1)
			return
		}
	}
}

// input returns the buffer to read into and how many bytes are there already.
func (c *EventConn) input(t *turn) (buf []byte, kept int) {
	s := c.server()
	if c.more.Load() != nil {
		c.mu.Lock()
		m := c.more.Load()
		if m != nil && len(m.in) > 0 {
			if cap(m.in)-len(m.in) < leftRoom {
				grown := make([]byte, len(m.in), min(2*len(m.in), s.MaxUnread)+leftRoom)
				copy(grown, m.in)
				m.in = grown
			}
			buf, kept = m.in[:cap(m.in)], len(m.in)
		}
		c.mu.Unlock()
	}
	if buf == nil {
		if t.buf == nil {
			t.buf = make([]byte, s.ReadBuffer)
		}
		buf = t.buf
	}
	return buf, kept
}

// keep puts what OnReadable has left of buf away. kept is how much of it was
// there before.
func (c *EventConn) keep(t *turn, buf []byte, kept int) {
	s, left := c.server(), len(t.data)
	if s.Poison {
		defer poison(buf)
	}
	if left == 0 && kept == 0 {
		t.data = nil
		return
	}
	c.mu.Lock()
	m := c.extend()
	s.unread.Add(int64(left - kept))
	switch {
	case left == 0:
		m.in = nil
	case kept > 0 && !s.Poison:
		copy(buf, t.data)
		m.in = buf[:left]
	default:
		m.in = append(make([]byte, 0, left+leftRoom), t.data...)
	}
	t.data = nil
	c.trim(m)
	c.mu.Unlock()
	if left > s.MaxUnread {
		c.end(ErrUnread, false)
	}
}

// poison overwrites p with what no protocol takes for something.
func poison(p []byte) {
	for i := range p {
		p[i] = 0xdb
	}
}

// Buffered returns the number of bytes that Next can take. It is zero outside
// OnReadable.
func (c *EventConn) Buffered() int {
	if c.turn == nil {
		return 0
	}
	return len(c.turn.data)
}

// Peek returns the next n bytes without taking them, or all if n is negative.
// When there are fewer it returns them and ErrIncomplete.
//
// The slice lies in a buffer that is used for the next connection as soon as
// OnReadable has returned: copy what is to outlive it. See EventServer.Poison.
func (c *EventConn) Peek(n int) ([]byte, error) {
	have := c.Buffered()
	if n > have {
		return c.slice(have), ErrIncomplete
	}
	if n < 0 {
		n = have
	}
	return c.slice(n), nil
}

// slice returns the next n bytes, which are there.
func (c *EventConn) slice(n int) []byte {
	if n == 0 {
		return nil
	}
	return c.turn.data[:n:n]
}

// Next takes the next n bytes, or all if n is negative, and returns them like
// Peek. When there are fewer it takes nothing and returns nil and
// ErrIncomplete.
func (c *EventConn) Next(n int) ([]byte, error) {
	p, err := c.Peek(n)
	if err != nil {
		return nil, err
	}
	if len(p) > 0 {
		c.turn.data = c.turn.data[len(p):]
	}
	return p, nil
}

// Discard takes the next n bytes, or all if n is negative. When there are
// fewer it takes those and returns ErrIncomplete. It returns how many it took.
func (c *EventConn) Discard(n int) (int, error) {
	p, err := c.Peek(n)
	if len(p) > 0 {
		c.turn.data = c.turn.data[len(p):]
	}
	return len(p), err
}

// Read takes bytes into p, at most len(p). It does not wait: when there are
// none it returns ErrIncomplete. The end of the stream comes with OnClose.
func (c *EventConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.Buffered() == 0 {
		return 0, ErrIncomplete
	}
	n := copy(p, c.turn.data)
	c.turn.data = c.turn.data[n:]
	return n, nil
}
