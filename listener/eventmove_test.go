package listener_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// While one loop has far more to do than the other, now this one and now that one,
// connections move between them: callbacks still never overlap, nothing is lost or out
// of order, what a callback reads from belongs to its loop, and a Shutdown in the middle
// of it finds them all.
func TestEventConnsMoveToTheLoopWithLessToDo(t *testing.T) {
	const clients, turnabouts = 16, 3
	rt, err := moorrt.New(moorrt.Config{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Shutdown(context.Background())
	var hot atomic.Pointer[moorrt.Loop]
	hot.Store(rt.Loop(0))
	var opened, closed atomic.Int32
	s := &listener.EventServer{ReadBuffer: 1000, Poison: true, IdleTimeout: time.Minute}
	s.OnOpen = func(c *listener.EventConn) error {
		opened.Add(1)
		c.SetData(new(sequence))
		return nil
	}
	s.OnReadable = func(c *listener.EventConn) error {
		q := c.Data().(*sequence)
		defer q.enter(t)()
		if c.FD().Loop() == hot.Load() {
			for begin := time.Now(); time.Since(begin) < 500*time.Microsecond; {
			}
		}
		p, err := c.Next(c.Buffered() / 4 * 4)
		if err != nil {
			return err
		}
		for i := 0; i < len(p); i += 4 {
			if n := binary.BigEndian.Uint32(p[i:]); n != q.next {
				t.Errorf("number %d, want %d", n, q.next)
				return errors.New("out of order")
			}
			q.next++
		}
		_, err = c.Write(p)
		return err
	}
	s.OnClose = func(c *listener.EventConn, cause error) {
		if cause != listener.ErrServerClosed {
			t.Errorf("closed because of %v", cause)
		}
		closed.Add(1)
	}
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	var ending atomic.Bool
	var talks sync.WaitGroup
	for range clients {
		c := dialTo(t, ln.Addr().String())
		talks.Go(func() {
			out, in, next := make([]byte, 4*300), make([]byte, 4*300), uint32(0)
			for {
				n := 4 * (1 + rand.IntN(300))
				for i := 0; i < n; i += 4 {
					binary.BigEndian.PutUint32(out[i:], next+uint32(i/4))
				}
				_, err := c.Write(out[:n])
				if err == nil {
					_, err = io.ReadFull(c, in[:n])
				}
				if err != nil {
					if !ending.Load() {
						t.Error(err)
					}
					return
				}
				for i := 0; i < n; i += 4 {
					if m := binary.BigEndian.Uint32(in[i:]); m != next+uint32(i/4) {
						t.Errorf("number %d came back as %d", next+uint32(i/4), m)
						return
					}
				}
				next += uint32(n / 4)
			}
		})
	}
	for i := range turnabouts {
		l := rt.Loop(i % 2)
		before := rt.Stats().Loops[i%2].Moved
		hot.Store(l)
		for end := time.Now().Add(time.Minute); rt.Stats().Loops[i%2].Moved == before; {
			if time.Now().After(end) {
				t.Fatalf("nothing moves from loop %d: %+v", i%2, rt.Stats())
			}
			time.Sleep(time.Millisecond)
		}
	}
	ending.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := <-served; err != listener.ErrServerClosed {
		t.Error(err)
	}
	talks.Wait()
	if o, c := opened.Load(), closed.Load(); o != clients || c != clients || s.Stats().Conns != 0 {
		t.Errorf("%d opened, %d closed, %d left; want %d, as many, and none", o, c, s.Stats().Conns, clients)
	}
}
