package listener_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// Each test here failed once.

// The sweep that has found an idle read whose grace period is over ended the next
// one if that had begun meanwhile.
func TestSweepSparesANewerRead(t *testing.T) {
	rt := newRuntime(t)
	below, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// There are no sweeps but the test's.
	p := listener.NewParkListener(below, listener.Grace(time.Hour), listener.FirstByte(0))
	defer p.Close()
	peer, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	io.WriteString(peer, "1")
	c, err := p.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s := c.(*listener.Session)
	type result struct {
		text string
		err  error
	}
	results := make(chan result, 1)
	read := func() (mode uint64) {
		s.Idle()
		go func() {
			buf := make([]byte, 8)
			n, err := s.Read(buf)
			results <- result{string(buf[:n]), err}
		}()
		for idling := false; !idling; mode, idling = s.Mode() {
			runtime.Gosched()
		}
		return mode
	}
	if _, err := s.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	first := read()
	io.WriteString(peer, "2")
	if got := await(t, results, "end of a Read"); got != (result{"2", nil}) {
		t.Fatalf("Read returned %v", got)
	}
	p.Tick()
	second := read()
	if s.Evict(first) {
		t.Error("the first Read could be ended although it had")
	}
	io.WriteString(peer, "3")
	if got := await(t, results, "end of a Read"); got != (result{"3", nil}) {
		t.Fatalf("the second Read returned %v", got)
	}
	p.Tick()
	third := read()
	if s.Evict(second) || !s.Evict(third) {
		t.Error("it is not the Read in progress that ends")
	}
	if got := await(t, results, "end of a Read"); got != (result{"", io.EOF}) {
		t.Fatalf("the third Read returned %v", got)
	}
	s.Close() // parks it
}

// A connection with output above the high mark that its peer did not take was not
// told of the server's Shutdown, which waited for it without end.
func TestShutdownEndsAConnectionThatWaitsForSpace(t *testing.T) {
	onBoth(t, func(t *testing.T, s *listener.EventServer) {
		s.WriteLimit, s.DrainTimeout = 64<<20, 50*time.Millisecond
		high := make(chan struct{}, 1)
		s.OnReadable = func(c *listener.EventConn) error {
			c.Discard(-1)
			_, err := c.Write(make([]byte, 32<<20))
			return err
		}
		s.OnHighWater = func(*listener.EventConn) { high <- struct{}{} }
		ends := causes(s)
		c := dialTo(t, serveEvents(t, s))
		io.WriteString(c, "x")
		await(t, high, "high mark")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown returned %v", err)
		}
		if err := await(t, ends, "OnClose"); err != listener.ErrServerClosed {
			t.Errorf("cause %v", err)
		}
	})
}

// A connection that a Runtime's Shutdown had closed, and whose address nobody had
// asked for before, had none: programs that print it crashed.
func TestConnectionClosedByShutdownHasAddresses(t *testing.T) {
	rt, err := moorrt.New(moorrt.Config{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	peer, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	rt.Shutdown(ended)
	if c.LocalAddr() == nil || c.RemoteAddr() == nil {
		t.Fatalf("the addresses are %v and %v", c.LocalAddr(), c.RemoteAddr())
	}
	_, err = c.Read(make([]byte, 1))
	if op, ok := err.(*net.OpError); !ok || op.Source == nil || op.Addr == nil || op.Err != net.ErrClosed {
		t.Errorf("Read returned %v", err)
	}
}

// Connections accepted in event and burst mode from a listener that others had
// made lacked the options that it did not have.
func TestInheritedListenersConnectionsHaveOptions(t *testing.T) {
	type options struct{ noDelay, keepAlive int }
	found := make(chan options, 1)
	look := func(fd uintptr) {
		var o options
		o.noDelay, o.keepAlive = inheritable(fd)
		found <- o
	}
	for mode, serve := range map[string]func(net.Listener) error{
		"event": func(ln net.Listener) error {
			return listener.ServeEvents(ln, listener.Events{OnOpen: func(c *listener.EventConn) error {
				return c.FD().RawControl(look)
			}})
		},
		"burst": func(ln net.Listener) error {
			return listener.ServeBursts(ln, func(net.Conn) error { return net.ErrClosed }, func(s *listener.BurstServer) {
				s.OnOpen = func(c net.Conn) error {
					return c.(*conn.TCPConn).FD().RawControl(look)
				}
			})
		},
	} {
		t.Run(mode, func(t *testing.T) {
			// A listening socket as the system makes them has neither option.
			raw, err := sys.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			f := os.NewFile(uintptr(raw), "inherited")
			defer f.Close()
			if err := sys.Bind(raw, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				t.Fatal(err)
			}
			if err := sys.Listen(raw, 5); err != nil {
				t.Fatal(err)
			}
			ln, err := listener.FileListener(f)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go serve(ln)
			c, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got := await(t, found, "connection"); got.noDelay == 0 || got.keepAlive == 0 {
				t.Errorf("no-delay is %d and keep-alive %d", got.noDelay, got.keepAlive)
			}
		})
	}
}

// A function of the tls.Config that panicked during the handshake that Park makes ended
// the process, and one that called runtime.Goexit left the connection open.
func TestParkOutlivesTLSCallbacks(t *testing.T) {
	var ln net.Listener
	ln, err := (&listener.ListenConfig{Runtime: newRuntime(t)}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, cert := ln.Addr().String(), certificate(t)
	logged := make(logLines, 10)
	srv := &http.Server{ErrorLog: log.New(logged, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "answer") })}
	what := make(chan string, 1)
	if ln, err = listener.Park(srv, tls.NewListener(ln, &tls.Config{
		GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if h.Context().Value(http.ServerContextKey) != srv || h.Context().Value(http.LocalAddrContextKey) == nil {
				t.Error("the handshake's context has nothing of net/http's")
			}
			switch <-what {
			case "panic":
				panic("on purpose")
			case "abort":
				panic(http.ErrAbortHandler)
			case "exit":
				runtime.Goexit()
			}
			return &cert, nil
		}})); err != nil {
		t.Fatal(err)
	}
	go srv.Serve(ln)
	defer srv.Close()
	for _, w := range []string{"panic", "abort", "exit", "answer"} {
		what <- w
		c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if (err == nil) != (w == "answer") {
			t.Errorf("%s: Dial returned %v", w, err)
		}
		if err != nil {
			continue
		}
		io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		if b, _ := io.ReadAll(c); !bytes.HasSuffix(b, []byte("answer")) {
			t.Errorf("got %q", b)
		}
		c.Close()
	}
	// Those that failed were closed before their client knew.
	if st := ln.(*listener.ParkListener).Stats(); st.Silent+st.Shaking+st.Parked > 0 {
		t.Errorf("connections are left: %+v", st)
	}
	select {
	case line := <-logged:
		if !strings.HasPrefix(line, "http: panic serving 127.0.0.1:") || !strings.Contains(line, ": on purpose\n") {
			t.Errorf("logged %q", line)
		}
	default:
		t.Error("the panic was not logged")
	}
	if len(logged) > 0 {
		t.Errorf("logged too: %q", <-logged)
	}
}

// Of two that shut a server down at the same time the second waited for ever.
func TestConcurrentShutdownsEnd(t *testing.T) {
	ln, err := (&listener.ListenConfig{Runtime: newRuntime(t)}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	s := &listener.Server{Handler: func(c net.Conn) { close(begun); io.Copy(io.Discard, c) }}
	go s.Serve(ln)
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	<-begun
	const n = 3
	ended := make(chan error, n)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range n {
		go func() { ended <- s.Shutdown(ctx) }()
	}
	c.Close()
	for range n {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// A connection that had just been accepted when a server was shut down was not waited
// for: its handler ran afterwards.
func TestShutdownWaitsForWhatIsBeingAccepted(t *testing.T) {
	below, err := (&listener.ListenConfig{Runtime: newRuntime(t)}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := slowListener{below, make(chan struct{}), make(chan struct{})}
	var ran atomic.Bool
	s := &listener.Server{Handler: func(net.Conn) { ran.Store(true) }}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	c, err := net.Dial("tcp", below.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	<-ln.accepted
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(over); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown, which had to wait, returned %v", err)
	}
	close(ln.goOn)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if !ran.Load() {
		t.Error("the handler runs after Shutdown")
	}
	if err := <-served; err != listener.ErrServerClosed {
		t.Errorf("Serve returned %v", err)
	}
}

// A slowListener's first Accept returns some time after it has accepted.
type slowListener struct {
	net.Listener
	accepted, goOn chan struct{}
}

func (l slowListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		close(l.accepted)
		<-l.goOn
	}
	return c, err
}
