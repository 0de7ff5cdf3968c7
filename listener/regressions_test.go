package listener_test

import (
	"context"
	"io"
	"net"
	"os"
	"runtime"
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
