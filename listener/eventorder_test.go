package listener_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/moor-net/moor/listener"
	"github.com/moor-net/moor/runtime/pool"
)

func newPool(t testing.TB, config pool.Config) *pool.Pool {
	t.Helper()
	p, err := pool.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Shutdown(t.Context()) })
	return p
}

// onBoth runs f with a server on the loops and with one on a pool.
func onBoth(t *testing.T, f func(t *testing.T, s *listener.EventServer)) {
	t.Run("loop", func(t *testing.T) { f(t, new(listener.EventServer)) })
	t.Run("pool", func(t *testing.T) {
		f(t, &listener.EventServer{Pool: newPool(t, pool.Config{Size: 3})})
	})
}

// A sequence is what a server knows of one client's numbers.
type sequence struct {
	inside atomic.Int32
	next   uint32
	opened bool
	closed bool
}

// enter fails if another callback of the connection runs.
func (q *sequence) enter(t *testing.T) func() {
	if q.inside.Add(1) != 1 {
		t.Error("two callbacks of a connection at the same time")
	}
	return func() { q.inside.Add(-1) }
}

// Clients send numbers in pieces of any size, and others write and close
// meanwhile: callbacks never overlap, nothing is lost, doubled or out of order,
// and OnOpen and OnClose are called once, first and last.
func TestEventsKeepTheirOrder(t *testing.T) {
	const clients = 24
	numbers := 20000
	if testing.Short() {
		numbers = 4000
	}
	onBoth(t, func(t *testing.T, s *listener.EventServer) {
		var opened, closed atomic.Int32
		var ends sync.WaitGroup
		ends.Add(clients)
		s.ReadBuffer, s.Budget = 1000, 3000
		s.HighWater, s.LowWater, s.WriteLimit = 4000, 1000, 64<<20
		s.OnOpen = func(c *listener.EventConn) error {
			q := &sequence{opened: true}
			c.SetData(q)
			defer q.enter(t)()
			opened.Add(1)
			return nil
		}
		s.OnReadable = func(c *listener.EventConn) error {
			q := c.Data().(*sequence)
			defer q.enter(t)()
			for {
				p, err := c.Next(4)
				if err != nil {
					return nil
				}
				if n := binary.BigEndian.Uint32(p); n != q.next {
					t.Errorf("number %d, want %d", n, q.next)
					return errors.New("out of order")
				}
				q.next++
				if _, err := c.Write(p); err != nil {
					return err
				}
			}
		}
		over := func(c *listener.EventConn) { c.Data().(*sequence).enter(t)() }
		s.OnHighWater, s.OnLowWater = over, over
		s.OnClose = func(c *listener.EventConn, cause error) {
			q := c.Data().(*sequence)
			defer q.enter(t)()
			if q.closed || cause != io.EOF || q.next != uint32(numbers) {
				t.Errorf("OnClose: again %v, cause %v, %d of %d numbers", q.closed, cause, q.next, numbers)
			}
			q.closed = true
			closed.Add(1)
			ends.Done()
		}
		address := serveEvents(t, s)
		var wg sync.WaitGroup
		for range clients {
			c := dialTo(t, address)
			wg.Go(func() {
				var all []byte
				for n := range numbers {
					all = binary.BigEndian.AppendUint32(all, uint32(n))
				}
				for len(all) > 0 {
					n := min(1+rand.IntN(3000), len(all))
					if _, err := c.Write(all[:n]); err != nil {
						t.Error(err)
						return
					}
					all = all[n:]
				}
				c.CloseWrite()
			})
			wg.Go(func() {
				got, err := io.ReadAll(c)
				if err != nil || len(got) != 4*numbers {
					t.Errorf("%d bytes came back, want %d: %v", len(got), 4*numbers, err)
				}
				for n := range len(got) / 4 {
					if m := binary.BigEndian.Uint32(got[4*n:]); m != uint32(n) {
						t.Errorf("number %d came back as %d", n, m)
						return
					}
				}
			})
		}
		wg.Wait()
		ends.Wait()
		if opened.Load() != clients || closed.Load() != clients {
			t.Errorf("%d opened, %d closed, want %d", opened.Load(), closed.Load(), clients)
		}
	})
}

// Connections come and go, closed by both sides, by callbacks and by other
// goroutines at any moment, and descriptors are used again at once: every
// connection that was opened is closed once, and none sees another's bytes.
func TestEventConnsComeAndGo(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 80
	}
	type state struct {
		sequence
		id string
	}
	onBoth(t, func(t *testing.T, s *listener.EventServer) {
		var opened, closed atomic.Int32
		s.OnOpen = func(c *listener.EventConn) error {
			opened.Add(1)
			c.SetData(new(state))
			return nil
		}
		s.OnReadable = func(c *listener.EventConn) error {
			st := c.Data().(*state)
			defer st.enter(t)()
			p, err := c.Next(8)
			if err != nil {
				return nil
			}
			if id := string(p); st.id == "" {
				st.id = id
			} else if st.id != id {
				t.Errorf("bytes of %q on the connection of %q", id, st.id)
			}
			c.Write(p)
			switch rand.IntN(6) {
			case 0:
				c.Close()
			case 1:
				return errors.New("enough")
			case 2:
				go c.Close()
			case 3:
				go c.Write([]byte(st.id)) // a copy: p is good until the callback returns
			}
			return nil
		}
		s.OnClose = func(c *listener.EventConn, cause error) {
			st := c.Data().(*state)
			defer st.enter(t)()
			if st.closed || cause == nil {
				t.Errorf("OnClose: again %v, cause %v", st.closed, cause)
			}
			st.closed = true
			if _, err := c.Write([]byte("late")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Write in OnClose: %v", err)
			}
			closed.Add(1)
		}
		address := serveEvents(t, s)
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range rounds {
					c := dialTo(t, address)
					id := fmt.Sprintf("%02d%06d", g, i)
					var buf [8]byte
					for range 1 + rand.IntN(4) {
						io.WriteString(c, id)
						if n, err := io.ReadFull(c, buf[:]); err != nil {
							break
						} else if got := string(buf[:n]); got != id {
							t.Errorf("%q came back as %q", id, got)
						}
					}
					if rand.IntN(2) == 0 {
						c.SetLinger(0) // a reset
					}
					c.Close()
				}
			})
		}
		wg.Wait()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if o, c := opened.Load(), closed.Load(); o != c {
			t.Errorf("%d opened, %d closed", o, c)
		}
	})
}

var poolOfTwo = pool.Config{Size: 2}
