package listener_test

import (
	"io"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
	"github.com/moor-net/moor/runtime/pool"
)

// Each test here failed once, but for one that says so.

// What has come in time counts, though the server was too slow to look at it before
// the IdleTimeout was over.
func TestIdleTimeoutSparesWhatHasCome(t *testing.T) {
	const idle = time.Second // no machine stands still for so long
	t.Run("slow callback", func(t *testing.T) {
		s := &listener.EventServer{Pool: newPool(t, pool.Config{Size: 3}), IdleTimeout: idle}
		entered := make(chan bool, 10)
		s.OnReadable = func(c *listener.EventConn) error {
			p, _ := c.Next(-1)
			entered <- true
			if p[0] == 'a' {
				time.Sleep(idle + idle/2)
			}
			_, err := c.Write(p)
			return err
		}
		c := dialTo(t, serveEvents(t, s))
		io.WriteString(c, "a")
		await(t, entered, "OnReadable")
		io.WriteString(c, "b")
		got := make([]byte, 2)
		if n, err := io.ReadFull(c, got); err != nil {
			t.Fatalf("got %q, %v", got[:n], err)
		}
	})
	t.Run("slow reader", func(t *testing.T) {
		const large = 16 << 20
		s := &listener.EventServer{IdleTimeout: idle, WriteLimit: 4 * large}
		high := make(chan bool, 10)
		s.OnHighWater = func(*listener.EventConn) { high <- true }
		s.OnReadable = func(c *listener.EventConn) error {
			p, _ := c.Next(-1)
			if p[0] == 'a' {
				p = make([]byte, large)
			}
			_, err := c.Write(p)
			return err
		}
		c := dialTo(t, serveEvents(t, s))
		io.WriteString(c, "a")
		await(t, high, "OnHighWater")
		io.WriteString(c, "b")
		time.Sleep(idle + idle/2)
		if n, err := io.CopyN(io.Discard, c, large+1); err != nil {
			t.Fatalf("got %d bytes of %d: %v", n, large+1, err)
		}
	})
}

// A deadline of the user's own comes first, as it always did.
func TestOwnDeadlineBeatsWhatHasCome(t *testing.T) {
	s := &listener.EventServer{Pool: newPool(t, pool.Config{Size: 3}), IdleTimeout: time.Minute}
	entered := make(chan bool, 10)
	s.OnReadable = func(c *listener.EventConn) error {
		c.Discard(-1)
		entered <- true
		c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		time.Sleep(100 * time.Millisecond)
		return nil
	}
	timeouts := make(chan bool, 10)
	s.OnTimeout = func(*listener.EventConn) error { timeouts <- true; return nil }
	c := dialTo(t, serveEvents(t, s))
	io.WriteString(c, "a")
	await(t, entered, "OnReadable")
	io.WriteString(c, "b")
	await(t, timeouts, "OnTimeout")
	await(t, entered, "OnReadable")
}

// Another goroutine's Write crosses the high mark just when the connection stops being
// read for that very reason: OnHighWater is still called.
func TestHighWaterIsToldThoughNobodyReads(t *testing.T) {
	onBoth(t, func(t *testing.T, s *listener.EventServer) {
		s.WriteLimit = 64 << 20
		opened, high := make(chan *listener.EventConn, 1), make(chan bool, 10)
		s.OnOpen = func(c *listener.EventConn) error { opened <- c; return nil }
		s.OnHighWater = func(*listener.EventConn) { high <- true }
		peer := dialTo(t, serveEvents(t, s))
		c := await(t, opened, "OnOpen")
		cross, err := c.WriteHalf(make([]byte, 32<<20))
		if cross == nil || err != nil {
			t.Fatalf("not over the mark: %v", err)
		}
		io.WriteString(peer, "x") // the connection runs, and is not to be read
		for limit := time.Now().Add(time.Minute); !c.Resting(); time.Sleep(time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatal("it does not rest")
			}
		}
		cross()
		select {
		case <-high:
		case <-time.After(time.Minute):
			t.Fatalf("OnHighWater was not called, with %d bytes pending", c.Pending())
		}
	})
}
