package listener_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
	"github.com/moor-net/moor/runtime/pool"
)

// serveBursts starts a BurstServer on a Runtime of its own.
func serveBursts(t testing.TB, s *listener.BurstServer) (address string) {
	t.Helper()
	rt, err := moorrt.New(moorrt.Config{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; !errors.Is(err, listener.ErrServerClosed) {
			t.Errorf("Serve returned %v", err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		rt.Shutdown(context.Background())
	})
	return ln.Addr().String()
}

// line reads a line without reading any further.
func line(c net.Conn) (string, error) {
	var s []byte
	for b := make([]byte, 1); ; {
		if _, err := c.Read(b); err != nil {
			return string(s), err
		}
		if s = append(s, b[0]); b[0] == '\n' {
			return string(s), nil
		}
	}
}

func echoLine(c net.Conn) error {
	s, err := line(c)
	if err != nil {
		return err
	}
	_, err = io.WriteString(c, s)
	return err
}

// Many clients, few goroutines: every burst is answered, a connection's bursts
// never overlap, and while all are idle no goroutine is left.
func TestBurstsAreServedByFewGoroutines(t *testing.T) {
	const clients, size = 200, 4
	rounds := 50
	if testing.Short() {
		rounds = 10
	}
	var inside, most atomic.Int32
	var running sync.Map
	s := &listener.BurstServer{Pool: newPool(t, pool.Config{Size: size, Queue: 8})}
	s.Handler = func(c net.Conn) error {
		if _, twice := running.LoadOrStore(c, true); twice {
			t.Error("two bursts of a connection at the same time")
		}
		defer running.Delete(c)
		n := inside.Add(1)
		defer inside.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return echoLine(c)
	}
	ends := make(chan error, clients)
	s.OnClose = func(_ net.Conn, cause error) { ends <- cause }
	address := serveBursts(t, s)
	var wg sync.WaitGroup
	conns := make([]net.Conn, clients)
	for i := range conns {
		c := dialTo(t, address)
		conns[i] = c
		wg.Go(func() {
			r := bufio.NewReader(c)
			for k := range rounds {
				// Two requests at once, the second in two pieces.
				want := fmt.Sprintf("%d-%d\nmore\n", i, k)
				io.WriteString(c, want[:len(want)-2])
				runtime.Gosched()
				io.WriteString(c, want[len(want)-2:])
				one, _ := r.ReadString('\n')
				two, err := r.ReadString('\n')
				if one+two != want {
					t.Errorf("%q came back as %q: %v", want, one+two, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if most.Load() > size {
		t.Errorf("%d handlers at the same time, want at most %d", most.Load(), size)
	}
	for s.Stats().Bursting > 0 {
		time.Sleep(time.Millisecond)
	}
	if st := s.Stats(); st.Bursts < uint64(clients*rounds*2) || st.Conns != clients {
		t.Errorf("%+v", st)
	}
	for _, c := range conns {
		c.Close()
	}
	for range conns {
		if err := await(t, ends, "OnClose"); err != io.EOF {
			t.Errorf("cause %v", err)
		}
	}
}

// With every goroutine of the pool taken, nothing is lost: what has come waits.
func TestFullPoolDelaysBursts(t *testing.T) {
	p := newPool(t, pool.Config{Size: 1, Queue: 1})
	release := make(chan struct{})
	s := &listener.BurstServer{Pool: p, Handler: func(c net.Conn) error { <-release; return echoLine(c) }}
	address := serveBursts(t, s)
	var conns []net.Conn
	for range 5 {
		conns = append(conns, dialTo(t, address))
	}
	for s.Stats().Conns < 5 {
		time.Sleep(time.Millisecond)
	}
	for _, c := range conns {
		io.WriteString(c, "x\n")
	}
	for p.Stats().Waiting < 4 {
		time.Sleep(time.Millisecond)
	}
	late := dialTo(t, address) // one more may be accepted by a call that had begun
	later := dialTo(t, address)
	io.WriteString(late, "x\n")
	io.WriteString(later, "x\n")
	if st := p.Stats(); st.Delayed < 3 {
		t.Errorf("%+v", st)
	}
	if n := s.Stats().Accepted; n > 6 {
		t.Errorf("%d connections accepted while the pool is full", n)
	}
	close(release)
	for _, c := range append(conns, late, later) {
		if _, err := io.ReadFull(c, make([]byte, 2)); err != nil {
			t.Error(err)
		}
	}
}

func TestBurstEndings(t *testing.T) {
	lines := make(logLines, 10)
	ends := make(chan error, 10)
	detached := make(chan net.Conn, 1)
	s := &listener.BurstServer{ErrorLog: log.New(lines, "", 0)}
	s.OnClose = func(_ net.Conn, cause error) { ends <- cause }
	s.BurstTimeout = time.Second / 2 // all but one of the bursts are to end before
	own := errors.New("own")
	s.Handler = func(c net.Conn) error {
		s, err := line(c)
		if err != nil {
			return err
		}
		switch s {
		case "panic\n":
			panic("on the streets")
		case "error\n":
			return own
		case "close\n":
			c.Close()
		case "exit\n":
			runtime.Goexit()
		case "detach\n":
			detached <- c
			return listener.ErrDetached
		}
		return nil
	}
	address := serveBursts(t, s)
	say := func(what string) *net.TCPConn {
		c := dialTo(t, address)
		io.WriteString(c, what)
		return c
	}
	var e *listener.PanicError
	say("panic\n")
	if err := await(t, ends, "OnClose"); !errors.As(err, &e) {
		t.Errorf("panic: cause %v", err)
	}
	if l := await(t, lines, "log line"); !strings.Contains(l, "on the streets") {
		t.Errorf("log %q", l)
	}
	say("error\n")
	if err := await(t, ends, "OnClose"); err != own {
		t.Errorf("error: cause %v", err)
	}
	for _, what := range []string{"close\n", "exit\n"} {
		say(what)
		if err := await(t, ends, "OnClose"); err != net.ErrClosed {
			t.Errorf("%q: cause %v", what, err)
		}
	}
	say("half a li")
	if err := await(t, ends, "OnClose"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("half a line: cause %v", err)
	}
	c := say("detach\n")
	mine := await(t, detached, "connection")
	defer mine.Close()
	for s.Stats().Conns > 0 {
		time.Sleep(time.Millisecond)
	}
	mine.SetDeadline(time.Time{})
	io.WriteString(c, "ping")
	if _, err := io.ReadFull(mine, make([]byte, 4)); err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Panics != 1 || st.Bursting != 0 || len(ends) != 0 {
		t.Errorf("%+v, %d more ends", st, len(ends))
	}
}

func TestBurstIdleTimeoutAndShutdown(t *testing.T) {
	ends := make(chan error, 10)
	inside, release := make(chan struct{}), make(chan struct{})
	s := &listener.BurstServer{IdleTimeout: time.Second, Handler: echoLine} // so long that the line is sent by then
	s.OnClose = func(_ net.Conn, cause error) { ends <- cause }
	c := dialTo(t, serveBursts(t, s))
	io.WriteString(c, "x\n")
	if got, err := io.ReadAll(c); err != nil || string(got) != "x\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := await(t, ends, "OnClose"); err != os.ErrDeadlineExceeded {
		t.Errorf("cause %v", err)
	}

	s = &listener.BurstServer{Handler: func(c net.Conn) error {
		close(inside)
		<-release
		return echoLine(c)
	}}
	s.OnClose = func(_ net.Conn, cause error) { ends <- cause }
	address := serveBursts(t, s)
	idle, busy := dialTo(t, address), dialTo(t, address)
	io.WriteString(busy, "x\n")
	<-inside
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	if _, err := idle.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the idle connection's end: %v", err)
	}
	close(release)
	if got, err := io.ReadAll(busy); err != nil || string(got) != "x\n" {
		t.Errorf("got %q, %v", got, err)
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
