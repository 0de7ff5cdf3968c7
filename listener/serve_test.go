package listener_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// serveHandlers starts a Server on a Runtime of its own. wrap may put something on top
// of the listener.
func serveHandlers(t testing.TB, s *listener.Server, wrap ...func(net.Listener) net.Listener) (address string) {
	t.Helper()
	return serveHandlersWith(t, s, moorrt.Config{Loops: 2}, wrap...)
}

func serveHandlersWith(t testing.TB, s *listener.Server, config moorrt.Config, wrap ...func(net.Listener) net.Listener) (address string) {
	t.Helper()
	rt, err := moorrt.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range wrap {
		ln = f(ln)
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
		if st := s.Stats(); st.Conns != 0 {
			t.Errorf("left over: %+v", st)
		}
	})
	return ln.Addr().String()
}

// echoLines answers each line with itself.
func echoLines(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		s, err := r.ReadString('\n')
		if err != nil {
			return
		}
		if _, err := io.WriteString(c, s); err != nil {
			return
		}
	}
}

// ask sends a line and expects it back.
func ask(t testing.TB, c net.Conn, r *bufio.Reader, s string) {
	t.Helper()
	io.WriteString(c, s+"\n")
	if got, err := r.ReadString('\n'); err != nil || got != s+"\n" {
		t.Fatalf("%q came back as %q: %v", s, got, err)
	}
}

func TestServe(t *testing.T) {
	s := &listener.Server{Handler: func(c net.Conn) {
		if _, ok := c.(*conn.TCPConn); !ok {
			t.Errorf("the handler gets a %T", c)
		}
		echoLines(c)
	}}
	address := serveHandlers(t, s)
	for i := range 10 {
		c := dialTo(t, address)
		r := bufio.NewReader(c)
		for k := range 20 {
			ask(t, c, r, fmt.Sprint(i, k))
		}
		c.CloseWrite()
		if _, err := r.ReadByte(); err != io.EOF { // closed when the handler returned
			t.Error(err)
		}
	}
	if st := s.Stats(); st.Accepted != 10 {
		t.Errorf("%+v", st)
	}
}

// Every call on one end is made by a coroutine: the conformance suite of
// net.Conn runs through them.
func TestServeNettest(t *testing.T) {
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	rt, err := moorrt.New(moorrt.Config{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Shutdown(context.Background())
	lc := &listener.ListenConfig{Runtime: rt}
	for range rounds {
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			ln, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
			if err != nil {
				return nil, nil, nil, err
			}
			defer ln.Close()
			d, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				return nil, nil, nil, err
			}
			c, err := ln.Accept()
			if err != nil {
				return nil, nil, nil, err
			}
			return &coroutineConn{Conn: c, loop: c.(*conn.TCPConn).FD().Loop()}, d, func() { c.Close(); d.Close() }, nil
		})
	}
}

// coroutineConn makes each call in a coroutine.
type coroutineConn struct {
	net.Conn
	loop *moorrt.Loop
	cs   moorrt.Coroutines
}

func (c *coroutineConn) do(f func()) {
	done := make(chan struct{})
	c.cs.Go(c.loop, func() { defer close(done); f() })
	<-done
}

func (c *coroutineConn) Read(p []byte) (n int, err error) {
	c.do(func() { n, err = c.Conn.Read(p) })
	return
}

func (c *coroutineConn) Write(p []byte) (n int, err error) {
	c.do(func() { n, err = c.Conn.Write(p) })
	return
}

func (c *coroutineConn) Close() (err error) {
	c.do(func() { err = c.Conn.Close() })
	return
}

func (c *coroutineConn) SetReadDeadline(at time.Time) (err error) {
	c.do(func() { err = c.Conn.SetReadDeadline(at) })
	return
}

func TestServeTLS(t *testing.T) {
	address := serveHandlers(t, &listener.Server{Handler: func(c net.Conn) {
		if _, ok := c.(*tls.Conn); !ok {
			t.Errorf("the handler gets a %T", c)
		}
		echoLines(c)
	}}, func(ln net.Listener) net.Listener {
		return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c := tls.Client(dialTo(t, address), &tls.Config{InsecureSkipVerify: true})
			defer c.Close()
			r := bufio.NewReader(c)
			for k := range 50 {
				ask(t, c, r, strings.Repeat("x", 100*k))
			}
		})
	}
	wg.Wait()
}

// A handler that speaks HTTP, and a body in both directions.
func TestServeHTTP(t *testing.T) {
	address := serveHandlers(t, &listener.Server{Handler: func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			c.SetReadDeadline(time.Now().Add(time.Minute))
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			res := http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1,
				ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body))}
			if res.Write(c) != nil {
				return
			}
		}
	}})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for size := range 20 {
		sent := bytes.Repeat([]byte("moor"), size*size*100)
		res, err := client.Post("http://"+address, "text/plain", bytes.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("%d bytes came back, want %d: %v", len(got), len(sent), err)
		}
	}
}

// A handler that connects to another server, on the same loops.
func TestServeProxy(t *testing.T) {
	rt, err := moorrt.New(moorrt.Config{Loops: 2, Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	lc := &listener.ListenConfig{Runtime: rt}
	back, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	backend, proxy := &listener.Server{Handler: echoLines}, &listener.Server{}
	raddr := back.Addr().(*net.TCPAddr).AddrPort()
	d := &conn.Dialer{Runtime: rt}
	proxy.Handler = func(c net.Conn) {
		up, err := d.DialTCP(context.Background(), "tcp", netip.AddrPort{}, raddr)
		if err != nil {
			t.Error(err)
			return
		}
		defer up.Close()
		r, ur := bufio.NewReader(c), bufio.NewReader(up)
		for {
			s, err := r.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(up, s)
			if s, err = ur.ReadString('\n'); err != nil {
				return
			}
			io.WriteString(c, s)
		}
	}
	go backend.Serve(back)
	go proxy.Serve(front)
	defer func() {
		proxy.Close()
		backend.Close()
		rt.Shutdown(context.Background())
	}()
	for range 5 {
		c := dialTo(t, front.Addr().String())
		r := bufio.NewReader(c)
		for k := range 20 {
			ask(t, c, r, fmt.Sprint(k))
		}
	}
}

// ServeConn is for connections that were dialled.
func TestServeConn(t *testing.T) {
	peer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	rt, err := moorrt.New(moorrt.Config{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Shutdown(context.Background())
	s := &listener.Server{Handler: echoLines}
	for _, dial := range []func(string, string) (net.Conn, error){(&conn.Dialer{Runtime: rt}).Dial, net.Dial} {
		c, err := dial("tcp", peer.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ServeConn(c); err != nil {
			t.Fatal(err)
		}
		p, err := peer.Accept()
		if err != nil {
			t.Fatal(err)
		}
		ask(t, p, bufio.NewReader(p), "hello")
		p.Close()
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := s.ServeConn(nil); !errors.Is(err, listener.ErrServerClosed) {
		t.Error(err)
	}
}

// A handler that panics, or calls Goexit, ends its own connection and is
// reported. Others go on.
func TestServeReportsHandlersThatFail(t *testing.T) {
	var logged safeBuffer
	s := &listener.Server{ErrorLog: logged.logger(), Handler: func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			s, err := r.ReadString('\n')
			switch {
			case err != nil:
				return
			case s == "panic\n":
				panic("for the test")
			case s == "exit\n":
				runtime.Goexit()
			}
			io.WriteString(c, s)
		}
	}}
	address := serveHandlers(t, s)
	good := dialTo(t, address)
	r := bufio.NewReader(good)
	for range 5 {
		for _, how := range []string{"panic", "exit"} {
			c := dialTo(t, address)
			ask(t, c, bufio.NewReader(c), "hello")
			io.WriteString(c, how+"\n")
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("after %s: %v", how, err)
			}
			ask(t, good, r, "still there")
		}
	}
	if st := s.Stats(); st.Panics != 5 || st.Exits != 5 {
		t.Errorf("%+v", st)
	}
	if text := logged.String(); !strings.Contains(text, "for the test") || !strings.Contains(text, "serve_test.go") ||
		!strings.Contains(text, "Goexit") {
		t.Errorf("logged: %s", text)
	}
}

func TestServeCallsHooks(t *testing.T) {
	type report struct {
		value any
		stack string
	}
	reports := make(chan report, 2)
	s := &listener.Server{
		Handler: func(c net.Conn) {
			if s, _ := line(c); s == "panic\n" {
				panic(io.ErrNoProgress)
			}
			runtime.Goexit()
		},
		OnPanic:  func(_ net.Conn, value any, stack []byte) { reports <- report{value, string(stack)} },
		OnGoexit: func(net.Conn) { reports <- report{"exit", ""} },
	}
	address := serveHandlers(t, s)
	io.WriteString(dialTo(t, address), "panic\n")
	if r := await(t, reports, "OnPanic"); r.value != io.ErrNoProgress || !strings.Contains(r.stack, "serve_test.go") {
		t.Errorf("%+v", r)
	}
	io.WriteString(dialTo(t, address), "exit\n")
	if r := await(t, reports, "OnGoexit"); r.value != "exit" {
		t.Errorf("%+v", r)
	}
}

// Shutdown waits for the handlers, until its context ends.
func TestServeShutdown(t *testing.T) {
	s := &listener.Server{Handler: echoLines}
	address := serveHandlers(t, s)
	idle, busy := dialTo(t, address), dialTo(t, address)
	ask(t, idle, bufio.NewReader(idle), "one")
	r := bufio.NewReader(busy)
	ask(t, busy, r, "one")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Shutdown(ctx) }()
	for { // until it listens no more
		c, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		c.Close()
	}
	ask(t, busy, r, "two")
	cancel()
	if err := await(t, done, "Shutdown"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, c := range []net.Conn{idle, busy} {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection is open")
		}
	}
}

// While a handler sleeps, its loop serves others.
func TestServeGoesOnWhileHandlersBlock(t *testing.T) {
	release := make(chan struct{})
	var blocked atomic.Int32
	s := &listener.Server{Handler: func(c net.Conn) {
		for {
			s, err := line(c)
			if err != nil {
				return
			}
			if s == "block\n" {
				blocked.Add(1)
				<-release
			}
			io.WriteString(c, s)
		}
	}}
	address := serveHandlersWith(t, s, moorrt.Config{Loops: 1})
	quick := dialTo(t, address)
	r := bufio.NewReader(quick)
	var slow []net.Conn
	for i := range 10 {
		c := dialTo(t, address)
		slow = append(slow, c)
		io.WriteString(c, "block\n")
		for blocked.Load() <= int32(i) {
			ask(t, quick, r, "quick")
		}
		ask(t, quick, r, "quick")
	}
	if n := s.Stats().TakeOvers; n == 0 {
		t.Error("no take-overs")
	}
	close(release)
	for _, c := range slow {
		if s, err := line(c); s != "block\n" {
			t.Error(s, err)
		}
	}
}

// Random sleeps, panics, exits and closes from outside; at the end nothing is
// left.
func TestServeStress(t *testing.T) {
	clients, rounds := 150, 40
	if testing.Short() {
		clients, rounds = 40, 20
	}
	goroutines := runtime.NumGoroutine()
	var conns sync.Map
	s := &listener.Server{ErrorLog: log.New(io.Discard, "", 0)}
	s.Handler = func(c net.Conn) {
		conns.Store(c, true)
		defer conns.Delete(c)
		buf := make([]byte, 64)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			switch rand.IntN(100) {
			case 0:
				panic("for the test")
			case 1:
				runtime.Goexit()
			case 2, 3, 4, 5:
				time.Sleep(time.Duration(rand.IntN(3e6)))
			case 6:
				conns.Range(func(other, _ any) bool { other.(net.Conn).Close(); return false })
			}
			if _, err := c.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	rt, err := moorrt.New(moorrt.Config{Loops: 2, Patience: 200 * time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	var wg sync.WaitGroup
	var answered atomic.Int32
	for range clients {
		wg.Go(func() {
			for range rounds {
				c, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				c.SetDeadline(time.Now().Add(time.Minute))
				buf := make([]byte, 16)
				for i := range 10 {
					c.Write(buf[:1+i])
					if _, err := io.ReadFull(c, buf[:1+i]); err != nil {
						if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
							t.Error(err)
						}
						break
					}
					answered.Add(1)
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := await(t, served, "Serve"); !errors.Is(err, listener.ErrServerClosed) {
		t.Error(err)
	}
	st := s.Stats()
	t.Logf("%d answers, %+v", answered.Load(), st)
	if st.Conns != 0 || st.Accepted != uint64(clients*rounds) {
		t.Errorf("%+v", st)
	}
	if n := rt.Stats().Conns(); n != 0 {
		t.Errorf("%d descriptors left", n)
	}
	rt.Shutdown(t.Context())
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > goroutines; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines more", runtime.NumGoroutine()-goroutines)
		}
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
