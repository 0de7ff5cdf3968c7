package listener_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

// causes returns a channel of what OnClose is told.
func causes(s *listener.EventServer) chan error {
	c := make(chan error, 100)
	s.OnClose = func(_ *listener.EventConn, cause error) { c <- cause }
	return c
}

func await[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(time.Minute):
		t.Fatalf("no %s within a minute", what)
	}
	return v
}

// A peer that sends and does not read is answered up to the high mark, then
// not read any more: its own writes block. When it reads it gets everything.
func TestSlowConsumerIsNotRead(t *testing.T) {
	onBoth(t, func(t *testing.T, s *listener.EventServer) {
		s.Events = echoEvents
		var high, low atomic.Int32
		marks := make(chan string, 1000)
		s.OnHighWater = func(c *listener.EventConn) { high.Add(1); marks <- "high" }
		s.OnLowWater = func(c *listener.EventConn) { low.Add(1); marks <- "low" }
		s.HighWater, s.LowWater = 100<<10, 10<<10
		c := dialTo(t, serveEvents(t, s))
		const total = 24 << 20
		wrote := make(chan error, 1)
		go func() {
			_, err := c.Write(make([]byte, total))
			wrote <- err
		}()
		if m := await(t, marks, "mark"); m != "high" {
			t.Fatalf("first mark %q", m)
		}
		st := s.Stats()
		if st.Pending <= 0 || st.Pending > 100<<10+int64(64<<10) || st.Slow != 1 {
			t.Errorf("pending %d, slow %d", st.Pending, st.Slow)
		}
		if n, err := io.CopyN(io.Discard, c, total); err != nil {
			t.Fatalf("%d bytes came back: %v", n, err)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
		if m := await(t, marks, "mark"); m != "low" {
			t.Errorf("second mark %q", m)
		}
		if h, l := high.Load(), low.Load(); h != l && h != l+1 {
			t.Errorf("high water %d times, low water %d times", h, l)
		}
	})
}

func TestWriteBeyondTheLimitIsRefused(t *testing.T) {
	s := &listener.EventServer{WriteLimit: 50 << 10}
	opened := make(chan *listener.EventConn, 1)
	s.OnOpen = func(c *listener.EventConn) error { opened <- c; return nil }
	ends := causes(s)
	peer := dialTo(t, serveEvents(t, s))
	c := await(t, opened, "OnOpen")
	chunk, sent := make([]byte, 40<<10), 0
	for {
		n, err := c.Write(chunk)
		sent += n
		if err == nil {
			continue
		}
		if err != listener.ErrWriteLimit {
			t.Fatal(err)
		}
		if p := c.Pending(); p+len(chunk)-n <= 50<<10 || p > 50<<10 {
			t.Fatalf("refused %d bytes with %d pending", len(chunk)-n, p)
		}
		break
	}
	if st := s.Stats(); st.Refused == 0 || st.Pending != int64(c.Pending()) {
		t.Errorf("refused %d, pending %d of %d", st.Refused, st.Pending, c.Pending())
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	if _, err := c.Write(chunk); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
	// What is pending still goes out.
	if n, err := io.Copy(io.Discard, peer); err != nil || n != int64(sent) {
		t.Errorf("%d bytes arrived, want %d: %v", n, sent, err)
	}
	if err := await(t, ends, "OnClose"); err != net.ErrClosed {
		t.Errorf("cause %v", err)
	}
}

func TestPendingOutputHasItsTime(t *testing.T) {
	for name, s := range map[string]*listener.EventServer{
		"WriteTimeout": {WriteTimeout: 30 * time.Millisecond},
		"DrainTimeout": {DrainTimeout: 30 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			s.WriteLimit = 64 << 20
			s.OnOpen = func(c *listener.EventConn) error {
				if _, err := c.Write(make([]byte, 32<<20)); err != nil {
					return err
				}
				if name == "DrainTimeout" {
					return io.ErrUnexpectedEOF
				}
				return nil
			}
			ends := causes(s)
			dialTo(t, serveEvents(t, s)) // and never reads
			err := await(t, ends, "OnClose")
			if name == "DrainTimeout" && err != io.ErrUnexpectedEOF ||
				name == "WriteTimeout" && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("cause %v", err)
			}
		})
	}
}

// Two connections have much to read, a third one a little. The loop is held
// until all of it is there: then they take turns of at most a budget.
func TestFloodingConnectionsDoNotStarveOthers(t *testing.T) {
	const budget, buffer, flood = 8 << 10, 4 << 10, 48 << 10
	type turn struct {
		who   byte
		bytes int
	}
	s := &listener.EventServer{Budget: budget, ReadBuffer: buffer}
	held, release := make(chan struct{}), make(chan struct{})
	var turns []turn // of the only loop
	served := make(chan struct{}, 3)
	totals := map[byte]int{}
	opened := make(chan struct{}, 4)
	s.OnOpen = func(*listener.EventConn) error { opened <- struct{}{}; return nil }
	s.OnReadable = func(c *listener.EventConn) error {
		p, _ := c.Next(-1)
		if p[0] == 'h' {
			close(held)
			<-release
			return nil
		}
		if n := len(turns); n == 0 || turns[n-1].who != p[0] {
			turns = append(turns, turn{who: p[0]})
		}
		turns[len(turns)-1].bytes += len(p)
		if totals[p[0]] += len(p); p[0] == 'c' || totals[p[0]] == flood {
			served <- struct{}{}
		}
		return nil
	}
	address := serveEventsOn(t, s, 1)
	hold, a, b, c := dialTo(t, address), dialTo(t, address), dialTo(t, address), dialTo(t, address)
	for range 4 {
		await(t, opened, "OnOpen")
	}
	io.WriteString(hold, "h")
	await(t, held, "held loop")
	a.Write(bytes.Repeat([]byte("a"), flood))
	b.Write(bytes.Repeat([]byte("b"), flood))
	io.WriteString(c, "c")
	// On Windows readiness is a packet of the driver's, which takes a while. They
	// come in order: what another loop is told of has come after what this one will
	// be told of.
	told := make(chan struct{})
	other := &listener.EventServer{Events: listener.Events{OnReadable: func(*listener.EventConn) error {
		close(told)
		return nil
	}}}
	io.WriteString(dialTo(t, serveEventsOn(t, other, 1)), "x")
	await(t, told, "another loop's event")
	close(release)
	for range 3 {
		await(t, served, "end of a flood")
	}
	before := 0
	for i, turn := range turns {
		if last := i >= len(turns)-2; turn.bytes > budget+buffer && !last {
			t.Errorf("turn %d: %d bytes of %c at once", i, turn.bytes, turn.who)
		}
		if turn.who == 'c' {
			break
		}
		before += turn.bytes
	}
	if before > 2*(budget+buffer) {
		t.Errorf("%d bytes were served before the short request", before)
	}
	if s.Stats().Cut == 0 {
		t.Error("no turn was cut")
	}
}

func TestPanicClosesItsConnectionAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, s *listener.EventServer) {
		lines := make(logLines, 10)
		s.ErrorLog = log.New(lines, "", 0)
		s.OnReadable = func(c *listener.EventConn) error {
			p, _ := c.Next(-1)
			if string(p) == "panic" {
				panic("at the disco")
			}
			c.Write(p)
			return nil
		}
		ends := causes(s)
		address := serveEvents(t, s)
		other, c := dialTo(t, address), dialTo(t, address)
		io.WriteString(c, "panic")
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("Read = %d, %v", n, err)
		}
		var e *listener.PanicError
		if err := await(t, ends, "OnClose"); !errors.As(err, &e) || e.Value != "at the disco" {
			t.Errorf("cause %v", err)
		}
		if line := await(t, lines, "log line"); !strings.Contains(line, "at the disco") || !strings.Contains(line, "eventflow_test.go") {
			t.Errorf("log %q", line)
		}
		io.WriteString(other, "fine")
		if _, err := io.ReadFull(other, make([]byte, 4)); err != nil {
			t.Error(err)
		}
		if n := s.Stats().Panics; n != 1 {
			t.Errorf("%d panics", n)
		}
	})
}

func TestTimeoutsAreEvents(t *testing.T) {
	s := &listener.EventServer{IdleTimeout: 20 * time.Millisecond}
	ends := causes(s)
	start := time.Now()
	dialTo(t, serveEvents(t, s))
	if err := await(t, ends, "OnClose"); err != os.ErrDeadlineExceeded || time.Since(start) < 20*time.Millisecond {
		t.Errorf("cause %v after %v", err, time.Since(start))
	}

	s = &listener.EventServer{}
	s.OnOpen = func(c *listener.EventConn) error { return c.SetReadDeadline(time.Now().Add(time.Millisecond)) }
	var times int
	s.OnTimeout = func(c *listener.EventConn) error {
		if times++; times == 3 {
			return io.ErrNoProgress
		}
		c.Write([]byte("still there?"))
		return c.SetReadDeadline(time.Now().Add(time.Millisecond))
	}
	ends = causes(s)
	c := dialTo(t, serveEvents(t, s))
	if got, err := io.ReadAll(c); err != nil || len(got) != 24 {
		t.Errorf("got %q, %v", got, err)
	}
	if err := await(t, ends, "OnClose"); err != io.ErrNoProgress {
		t.Errorf("cause %v", err)
	}
}

func TestResetAndEndAreTold(t *testing.T) {
	s := &listener.EventServer{Events: echoEvents}
	ends := causes(s)
	address := serveEvents(t, s)
	c := dialTo(t, address)
	c.Close()
	if err := await(t, ends, "OnClose"); err != io.EOF {
		t.Errorf("cause of an end %v", err)
	}
	c = dialTo(t, address)
	io.WriteString(c, "x")
	io.ReadFull(c, make([]byte, 1))
	c.SetLinger(0)
	c.Close()
	var op *net.OpError
	err := await(t, ends, "OnClose")
	if !errors.As(err, &op) || op.Op != "read" || op.Addr == nil {
		t.Errorf("cause of a reset %#v", err)
	}
}

func TestWhatIsLeftUnreadIsKept(t *testing.T) {
	for _, poison := range []bool{false, true} {
		s := &listener.EventServer{Poison: poison, ReadBuffer: 512, MaxUnread: 10000}
		var stolen []byte
		s.OnReadable = func(c *listener.EventConn) error {
			// Messages of 5,000 bytes and their number before them.
			if n, err := c.Peek(5001); err != nil {
				if len(n) != c.Buffered() {
					t.Errorf("Peek returned %d of %d bytes", len(n), c.Buffered())
				}
				return nil
			}
			var id [1]byte
			c.Read(id[:])
			p, err := c.Next(5000)
			if err != nil || !bytes.Equal(p, bytes.Repeat(id[:], 5000)) {
				t.Errorf("message %d differs: %v", id, err)
			}
			stolen = p
			_, err = c.Write(id[:])
			return err
		}
		ends := causes(s)
		c := dialTo(t, serveEvents(t, s))
		for id := range byte(20) {
			c.Write([]byte{id})
			c.Write(bytes.Repeat([]byte{id}, 5000))
			var b [1]byte
			if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != id {
				t.Fatalf("answer %d to %d: %v", b, id, err)
			}
		}
		c.CloseWrite()
		if err := await(t, ends, "OnClose"); err != io.EOF {
			t.Errorf("cause %v", err)
		}
		if poisoned := bytes.Count(stolen, []byte{0xdb}) == len(stolen); poison && !poisoned {
			t.Error("Poison is set, and a slice that was kept is whole")
		}
	}
	s := &listener.EventServer{MaxUnread: 1000}
	s.OnReadable = func(c *listener.EventConn) error { return nil }
	ends := causes(s)
	c := dialTo(t, serveEvents(t, s))
	c.Write(make([]byte, 1000))
	c.Write(make([]byte, 1))
	if err := await(t, ends, "OnClose"); err != listener.ErrUnread {
		t.Errorf("cause %v", err)
	}
}

// Shutdown lets a callback answer and pending output go out.
func TestEventShutdownDrains(t *testing.T) {
	s := &listener.EventServer{Pool: newPool(t, poolOfTwo), WriteLimit: 32 << 20}
	inside, proceed := make(chan struct{}), make(chan struct{})
	s.OnReadable = func(c *listener.EventConn) error {
		c.Discard(-1)
		inside <- struct{}{}
		<-proceed
		_, err := c.Write(make([]byte, 16<<20))
		return err
	}
	ends := causes(s)
	address := serveEvents(t, s)
	idle, busy := dialTo(t, address), dialTo(t, address)
	io.WriteString(busy, "x")
	<-inside
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the idle connection's end: %v", err)
	}
	close(proceed)
	if n, err := io.Copy(io.Discard, busy); err != nil || n != 16<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := await(t, down, "end of Shutdown"); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := await(t, ends, "OnClose"); err != listener.ErrServerClosed {
			t.Errorf("cause %v", err)
		}
	}
}

func TestEventShutdownEndsWithItsContext(t *testing.T) {
	s := &listener.EventServer{WriteLimit: 64 << 20}
	s.OnOpen = func(c *listener.EventConn) error {
		_, err := c.Write(make([]byte, 32<<20))
		return err
	}
	ends := causes(s)
	c := dialTo(t, serveEvents(t, s))
	io.ReadFull(c, make([]byte, 1))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
		t.Errorf("Shutdown: %v", err)
	}
	if err := await(t, ends, "OnClose"); err != listener.ErrServerClosed {
		t.Errorf("cause %v", err)
	}
}

// A callback that closes its own connection, and others', on the same loop.
func TestCloseInCallbacks(t *testing.T) {
	onBoth(t, func(t *testing.T, s *listener.EventServer) {
		conns := make(chan *listener.EventConn, 10)
		s.OnOpen = func(c *listener.EventConn) error { conns <- c; return nil }
		var inside atomic.Bool
		s.OnReadable = func(c *listener.EventConn) error {
			inside.Store(true)
			for range 3 {
				(<-conns).Close()
			}
			inside.Store(false)
			return nil
		}
		ends := make(chan error, 10)
		s.OnClose = func(c *listener.EventConn, cause error) {
			if s.Pool == nil && c.Buffered() != 0 {
				t.Error("bytes to read in OnClose")
			}
			ends <- cause
		}
		address := serveEvents(t, s)
		a, b, c := dialTo(t, address), dialTo(t, address), dialTo(t, address)
		_, _ = a, b
		io.WriteString(c, "x")
		for range 3 {
			if err := await(t, ends, "OnClose"); err != net.ErrClosed {
				t.Errorf("cause %v", err)
			}
		}
	})
}
