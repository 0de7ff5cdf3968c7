package listener_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A scenario is played over package net and over this library: what a program
// can see of it must be the same.
type scenario func(t *testing.T, s stack, r *record)

// compare plays scenarios on both stacks.
func compare(t *testing.T, scenarios map[string]scenario) {
	for name, play := range scenarios {
		t.Run(name, func(t *testing.T) {
			if why := incomparable(name); why != "" {
				t.Skip(why)
			}
			var want, got record
			play(t, std, &want)
			play(t, ours, &got)
			want, got = slices.DeleteFunc(want, excepted), slices.DeleteFunc(got, excepted)
			slices.Sort(want) // some steps have no order
			slices.Sort(got)
			if len(want) == 0 {
				t.Fatal("nothing was noted")
			}
			for i := range max(len(want), len(got)) {
				switch {
				case i >= len(got):
					t.Errorf("only package net: %s", want[i])
				case i >= len(want):
					t.Errorf("only this library: %s", got[i])
				case got[i] != want[i]:
					t.Errorf("\npackage net:  %s\nthis library: %s", want[i], got[i])
				}
			}
		})
	}
}

// freeAddress returns an address on which nobody listens.
func freeAddress(t *testing.T) *net.TCPAddr {
	t.Helper()
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr)
}

// busyAddress returns an address on which somebody listens until the test ends.
func busyAddress(t *testing.T) *net.TCPAddr {
	t.Helper()
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().(*net.TCPAddr)
}

// pair returns a connection of the stack's and its other end, a plain one.
func pair(t *testing.T, s stack) (tcpConn, *net.TCPConn) {
	t.Helper()
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := s.dialTCP("tcp4", nil, ln.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	peer, err := ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	return c, peer
}

// acceptedPair is pair with the stack's end accepted instead of dialled.
func acceptedPair(t *testing.T, s stack) (tcpConn, *net.TCPConn) {
	t.Helper()
	ln, err := s.listenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.DialTCP("tcp4", nil, ln.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(tcpConn), peer
}

func TestDialErrors(t *testing.T) {
	scenarios := map[string]scenario{}
	for _, network := range []string{"tcp", "tcp4", "tcp6", "tcp7", "TCP", "udp", "unix", "ip", "", "nonsense"} {
		for _, address := range []string{"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:nonsense",
			"127.0.0.1:80:80", "[127.0.0.1]:x", "[::1", "::1]:80", "[::1]", "::1:80", "[::1]x:80", "[::1%lo:80", "/nonsense"} {
			if network == "udp" && strings.HasSuffix(address, ".1:") {
				continue // no error
			}
			if network == "unix" && (address == "" || address == ":") {
				continue // autobind
			}
			scenarios[network+" "+address] = func(t *testing.T, s stack, r *record) {
				c, err := s.dialer(net.Dialer{}).Dial(network, address)
				r.step("Dial", err, c == nil)
				if c != nil {
					c.Close()
				}
			}
		}
	}
	compare(t, scenarios)
}

func TestDialFailures(t *testing.T) {
	dial := func(d net.Dialer, network string, address func(*testing.T) string) scenario {
		return func(t *testing.T, s stack, r *record) {
			c, err := s.dialer(d).Dial(network, address(t))
			r.step("Dial", err, c == nil)
			if c != nil {
				c.Close()
			}
		}
	}
	free := func(t *testing.T) string { return freeAddress(t).String() }
	busy := func(t *testing.T) string { return busyAddress(t).String() }
	fixed := func(a string) func(*testing.T) string { return func(*testing.T) string { return a } }
	compare(t, map[string]scenario{
		"refused":               dial(net.Dialer{}, "tcp", free),
		"refused tcp4":          dial(net.Dialer{}, "tcp4", free),
		"refused ::1":           dial(net.Dialer{}, "tcp", fixed("[::1]:1")),
		"refused localhost":     dial(net.Dialer{}, "tcp", fixed("localhost:1")),
		"refused after timeout": dial(net.Dialer{Timeout: time.Minute}, "tcp", free),
		"wrong family 4":        dial(net.Dialer{}, "tcp4", fixed("[::1]:1")),
		"wrong family 6":        dial(net.Dialer{}, "tcp6", fixed("127.0.0.1:1")),
		"wrong zone":            dial(net.Dialer{}, "tcp", fixed("[fe80::1%nonsense]:1")),
		"zone on tcp4":          dial(net.Dialer{}, "tcp4", fixed("[fe80::1%lo]:1")),
		"timeout in the past":   dial(net.Dialer{Timeout: -1}, "tcp", busy),
		"deadline in the past":  dial(net.Dialer{Deadline: time.Unix(1, 0)}, "tcp", busy),
		"local type":            dial(net.Dialer{LocalAddr: &net.UDPAddr{}}, "tcp", busy),
		"local unix":            dial(net.Dialer{LocalAddr: &net.UnixAddr{Name: "x", Net: "unix"}}, "tcp", busy),
		"local family":          dial(net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv6loopback}}, "tcp", busy),
		"local unavailable":     dial(net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}}, "tcp", busy),
		"local of any":          dial(net.Dialer{LocalAddr: &net.TCPAddr{}}, "tcp", free),
		"local in use": func(t *testing.T, s stack, r *record) {
			d := net.Dialer{LocalAddr: busyAddress(t)}
			c, err := s.dialer(d).Dial("tcp", busyAddress(t).String())
			r.step("Dial", err, c == nil)
		},
		"control refuses": dial(net.Dialer{Control: func(network, address string, _ syscall.RawConn) error {
			return errors.New("refused by " + network)
		}}, "tcp", busy),
		"context control refuses": dial(net.Dialer{ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return errors.New("refused by " + network)
		}}, "tcp", fixed("[::1]:1")),
		"contexts": func(t *testing.T, s stack, r *record) {
			cause := errors.New("the cause")
			for name, make := range map[string]func() (context.Context, context.CancelFunc){
				"cancelled": func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) },
				"expired": func() (context.Context, context.CancelFunc) {
					return context.WithDeadline(t.Context(), time.Unix(1, 0))
				},
				"cause": func() (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancelCause(t.Context())
					return ctx, func() { cancel(cause) }
				},
			} {
				ctx, cancel := make()
				cancel()
				for _, address := range []string{busyAddress(t).String(), "127.0.0.1", ""} {
					c, err := s.dialer(net.Dialer{}).DialContext(ctx, "tcp", address)
					r.step("DialContext "+name, err, c == nil)
				}
			}
		},
		"DialTCP": func(t *testing.T, s stack, r *record) {
			to := freeAddress(t)
			for name, a := range map[string]struct {
				network      string
				laddr, raddr *net.TCPAddr
			}{
				"nothing": {"tcp", nil, nil}, "network": {"udp", nil, to}, "unknown": {"x", to, to}, "refused": {"tcp", nil, to},
				"family": {"tcp6", nil, to}, "local family": {"tcp4", &net.TCPAddr{IP: net.IPv6loopback}, to},
				"local": {"tcp", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, to}, "port": {"tcp", nil, &net.TCPAddr{IP: to.IP, Port: 70000}},
				"address": {"tcp", nil, &net.TCPAddr{IP: net.IP{1, 2, 3}, Port: 1}},
			} {
				c, err := s.dialTCP(a.network, a.laddr, a.raddr)
				r.step(name, err, c == nil)
			}
		},
	})
}

func TestListenErrors(t *testing.T) {
	scenarios := map[string]scenario{
		"in use": func(t *testing.T, s stack, r *record) {
			l, err := s.listen(net.ListenConfig{}, "tcp", busyAddress(t).String())
			r.step("Listen", err, l == nil)
			l2, err := s.listenTCP("tcp4", busyAddress(t))
			r.step("ListenTCP", err, l2 == nil)
		},
		"in use by its own": func(t *testing.T, s stack, r *record) {
			l, err := s.listen(net.ListenConfig{}, "tcp", "127.0.0.1:0")
			r.step("first", err, l != nil)
			defer l.Close()
			l2, err := s.listen(net.ListenConfig{}, "tcp", l.Addr().String())
			r.step("second", err, l2 == nil)
		},
		"control refuses": func(t *testing.T, s stack, r *record) {
			l, err := s.listen(net.ListenConfig{Control: func(network, address string, _ syscall.RawConn) error {
				return errors.New("refused by " + network + " for " + address)
			}}, "tcp", "127.0.0.1:1")
			r.step("Listen", err, l == nil)
		},
		"ListenTCP": func(t *testing.T, s stack, r *record) {
			for name, a := range map[string]struct {
				network string
				laddr   *net.TCPAddr
			}{
				"network": {"udp", nil}, "unknown": {"x", &net.TCPAddr{}}, "family": {"tcp6", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}},
				"family 4": {"tcp4", &net.TCPAddr{IP: net.IPv6loopback}}, "away": {"tcp", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}},
				"port": {"tcp", &net.TCPAddr{Port: 70000}}, "address": {"tcp", &net.TCPAddr{IP: net.IP{1, 2, 3}}},
			} {
				l, err := s.listenTCP(a.network, a.laddr)
				r.step(name, err, l == nil)
			}
		},
	}
	for _, network := range []string{"tcp", "tcp4", "tcp6", "tcp7", "TCP", "udp", "ip", "", "nonsense"} {
		for _, address := range []string{"127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:nonsense", "127.0.0.1:80:80",
			"[::1", "::1]:80", "[::1]", "::1:80", "192.0.2.1:0", "[fe80::1%nonsense]:0", "[2001:db8::1]:0", "/nonsense"} {
			scenarios[network+" "+address] = func(t *testing.T, s stack, r *record) {
				l, err := s.listen(net.ListenConfig{}, network, address)
				r.step("Listen", err, l == nil)
			}
		}
	}
	compare(t, scenarios)
}

// everyCall notes the error of each method.
func everyCall(c tcpConn, r *record) {
	b := make([]byte, 1)
	n, err := c.Read(b)
	r.step("Read", err, n)
	n, err = c.Read(nil)
	r.step("Read of nothing", err, n)
	n, err = c.Write(b)
	r.step("Write", err, n)
	n, err = c.Write(nil)
	r.step("Write of nothing", err, n)
	n64, err := c.ReadFrom(strings.NewReader("x"))
	r.step("ReadFrom", err, n64)
	n64, err = c.WriteTo(io.Discard)
	r.step("WriteTo", err, n64)
	r.step("CloseRead", c.CloseRead())
	r.step("CloseWrite", c.CloseWrite())
	r.step("SetDeadline", c.SetDeadline(time.Now()))
	r.step("SetReadDeadline", c.SetReadDeadline(time.Time{}))
	r.step("SetWriteDeadline", c.SetWriteDeadline(time.Time{}))
	r.step("SetLinger", c.SetLinger(1))
	r.step("SetNoDelay", c.SetNoDelay(true))
	r.step("SetKeepAlive", c.SetKeepAlive(true))
	r.step("SetKeepAlivePeriod", c.SetKeepAlivePeriod(time.Second))
	r.step("SetKeepAliveConfig", c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}))
	r.step("SetReadBuffer", c.SetReadBuffer(1))
	r.step("SetWriteBuffer", c.SetWriteBuffer(1))
	// Not MultipathTCP: package net says that a closed connection uses it.
	f, err := c.File()
	r.step("File", err, f == nil)
	raw, err := c.SyscallConn()
	r.step("SyscallConn", err, raw == nil)
	if err == nil {
		r.step("Control", raw.Control(func(uintptr) {}))
		r.step("raw Read", raw.Read(func(uintptr) bool { return true }))
		r.step("raw Write", raw.Write(func(uintptr) bool { return true }))
	}
	r.step("LocalAddr", nil, c.LocalAddr())
	r.step("RemoteAddr", nil, c.RemoteAddr())
	r.step("Close", c.Close())
}

func TestConnErrors(t *testing.T) {
	for name, pair := range map[string]func(*testing.T, stack) (tcpConn, *net.TCPConn){"dialled": pair, "accepted": acceptedPair} {
		t.Run(name, func(t *testing.T) { testConnErrors(t, pair) })
	}
}

func testConnErrors(t *testing.T, pair func(*testing.T, stack) (tcpConn, *net.TCPConn)) {
	b := make([]byte, 1)
	compare(t, map[string]scenario{
		"closed": func(t *testing.T, s stack, r *record) {
			c, _ := pair(t, s)
			r.step("Close", c.Close())
			everyCall(c, r)
		},
		"nil": func(t *testing.T, s stack, r *record) {
			c := s.nilConn
			for name, call := range map[string]func() error{
				"Close":       c.Close,
				"CloseRead":   c.CloseRead,
				"Read":        func() error { _, err := c.Read(b); return err },
				"Write":       func() error { _, err := c.Write(b); return err },
				"SetDeadline": func() error { return c.SetDeadline(time.Time{}) },
				"SetLinger":   func() error { return c.SetLinger(0) },
				"SetNoDelay":  func() error { return c.SetNoDelay(true) },
				"File":        func() error { _, err := c.File(); return err },
				"SyscallConn": func() error { _, err := c.SyscallConn(); return err },
				"ReadFrom":    func() error { _, err := c.ReadFrom(strings.NewReader("x")); return err },
				"WriteTo":     func() error { _, err := c.WriteTo(io.Discard); return err },
				"addresses": func() error {
					if c.LocalAddr() != nil || c.RemoteAddr() != nil {
						return errors.New("an address")
					}
					return nil
				},
			} {
				func() {
					defer func() {
						if recover() != nil { // package net's methods do
							r.step(name+" panicked", nil)
						}
					}()
					r.step(name, call())
				}()
			}
		},
		"deadline": func(t *testing.T, s stack, r *record) {
			c, _ := pair(t, s)
			c.SetDeadline(time.Unix(1, 0))
			n, err := c.Read(b)
			r.step("Read", err, n)
			n, err = c.Read(nil)
			r.step("Read of nothing", err, n)
			n, err = c.Write(b)
			r.step("Write", err, n)
			n, err = c.Write(nil)
			r.step("Write of nothing", err, n)
			n64, err := c.ReadFrom(strings.NewReader("x"))
			r.step("ReadFrom", err, n64)
			n64, err = c.WriteTo(io.Discard)
			r.step("WriteTo", err, n64)
			raw, err := c.SyscallConn()
			r.step("SyscallConn", err)
			r.step("Control", raw.Control(func(uintptr) {}))
			r.step("raw Read", raw.Read(func(uintptr) bool { return true }))
			r.step("raw Write", raw.Write(func(uintptr) bool { return true }))
			c.SetReadDeadline(time.Now().Add(time.Millisecond))
			n, err = c.Read(b)
			r.step("Read later", err, n)
			r.step("raw Read later", raw.Read(func(uintptr) bool { return false }))
		},
		"close while blocked": func(t *testing.T, s stack, r *record) {
			c, peer := pair(t, s)
			read := make(chan error, 1)
			go func() { _, err := c.Read(make([]byte, 10)); read <- err }()
			written := make(chan error, 1)
			go func() { _, err := c.Write(make([]byte, 32<<20)); written <- err }()
			if _, err := io.ReadFull(peer, make([]byte, 100_000)); err != nil { // the Write has begun
				t.Fatal(err)
			}
			c.Close()
			r.step("Read", <-read)
			r.step("Write", <-written)
		},
		"end": func(t *testing.T, s stack, r *record) {
			c, peer := pair(t, s)
			peer.Close()
			for range 2 {
				n, err := c.Read(b)
				r.step("Read", err, n)
			}
			n64, err := c.WriteTo(io.Discard)
			r.step("WriteTo", err, n64)
			for err = error(nil); err == nil; {
				_, err = c.Write(b)
			}
			r.step("Write", err)
			_, err = c.ReadFrom(bytes.NewReader(b))
			r.step("ReadFrom", err)
			r.step("CloseWrite", c.CloseWrite())
			r.step("CloseRead", c.CloseRead())
		},
		"reset": func(t *testing.T, s stack, r *record) {
			c, peer := pair(t, s)
			peer.SetLinger(0)
			peer.Close()
			for range 2 { // the error, then the end
				n, err := c.Read(b)
				r.step("Read", err, n)
			}
			n, err := c.Write(b)
			r.step("Write", err, n)
			r.step("CloseRead", c.CloseRead())
			r.step("CloseWrite", c.CloseWrite())
			r.step("SetNoDelay", c.SetNoDelay(true))
			n64, err := c.ReadFrom(bytes.NewReader(b))
			r.step("ReadFrom", err, n64)
		},
		"reset while blocked": func(t *testing.T, s stack, r *record) {
			c, peer := pair(t, s)
			written := make(chan error, 1)
			go func() { _, err := c.Write(make([]byte, 32<<20)); written <- err }()
			if _, err := io.ReadFull(peer, make([]byte, 100_000)); err != nil {
				t.Fatal(err)
			}
			peer.SetLinger(0)
			peer.Close()
			r.step("Write", <-written)
		},
		"reset while copying": func(t *testing.T, s stack, r *record) {
			c, peer := pair(t, s)
			copied := make(chan error, 1)
			go func() { _, err := c.WriteTo(io.Discard); copied <- err }()
			peer.Write(b)
			peer.SetLinger(0)
			peer.Close()
			r.step("WriteTo", <-copied)
		},
		"half-closed": func(t *testing.T, s stack, r *record) {
			c, peer := pair(t, s)
			r.step("CloseWrite", c.CloseWrite())
			r.step("CloseWrite again", c.CloseWrite())
			n, err := c.Write(b)
			r.step("Write", err, n)
			n64, err := c.ReadFrom(bytes.NewReader(b))
			r.step("ReadFrom", err, n64)
			peer.Write(b)
			n, err = c.Read(b)
			r.step("Read", err, n)
			r.step("CloseRead", c.CloseRead())
			n, err = c.Read(b)
			r.step("Read", err, n)
			r.step("Close", c.Close())
		},
		"failing ends of a copy": func(t *testing.T, s stack, r *record) {
			c, peer := pair(t, s)
			broken := errors.New("broken")
			n, err := c.ReadFrom(io.MultiReader(strings.NewReader("xyz"), errorReader{broken}))
			r.step("ReadFrom", err, n)
			peer.Write([]byte("xyz"))
			n, err = c.WriteTo(errorWriter{broken})
			r.step("WriteTo", err, n)
		},
		"options": func(t *testing.T, s stack, r *record) {
			c, _ := pair(t, s)
			r.step("SetReadBuffer", c.SetReadBuffer(-1))
			r.step("SetKeepAlivePeriod", c.SetKeepAlivePeriod(-1))
			r.step("SetKeepAlivePeriod huge", c.SetKeepAlivePeriod(1<<62))
			r.step("SetKeepAliveConfig huge", c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Hour, Interval: 1 << 62}))
			r.step("SetKeepAliveConfig count", c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Count: 1 << 20}))
			r.step("SetLinger huge", c.SetLinger(1<<31-1))
		},
	})
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

type errorWriter struct{ err error }

func (w errorWriter) Write([]byte) (int, error) { return 0, w.err }

func TestListenerErrors(t *testing.T) {
	open := func(t *testing.T, s stack) tcpListener {
		l, err := s.listenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	everyCall := func(l tcpListener, r *record) {
		c, err := l.Accept()
		r.step("Accept", err, c == nil)
		r.step("SetDeadline", l.SetDeadline(time.Now()))
		f, err := l.File()
		r.step("File", err, f == nil)
		raw, err := l.SyscallConn()
		r.step("SyscallConn", err, raw == nil)
		if err == nil {
			r.step("Control", raw.Control(func(uintptr) {}))
			r.step("raw Read", raw.Read(func(uintptr) bool { return true }))
			r.step("raw Write", raw.Write(func(uintptr) bool { return true }))
		}
		r.step("Close", l.Close())
	}
	compare(t, map[string]scenario{
		"open": func(t *testing.T, s stack, r *record) {
			l := open(t, s)
			raw, err := l.SyscallConn()
			r.step("SyscallConn", err)
			r.step("Control", raw.Control(func(uintptr) {}))
			r.step("raw Read", raw.Read(func(uintptr) bool { return true }))
			r.step("raw Write", raw.Write(func(uintptr) bool { return true }))
		},
		"closed": func(t *testing.T, s stack, r *record) {
			l := open(t, s)
			r.step("Close", l.Close())
			everyCall(l, r)
			r.step("Addr", nil, l.Addr())
		},
		"nil": func(t *testing.T, s stack, r *record) { everyCall(s.nilListen, r) },
		"deadline": func(t *testing.T, s stack, r *record) {
			l := open(t, s)
			for _, at := range []time.Time{time.Unix(1, 0), time.Now().Add(time.Millisecond)} {
				l.SetDeadline(at)
				c, err := l.Accept()
				r.step("Accept", err, c == nil)
			}
		},
		"close while blocked": func(t *testing.T, s stack, r *record) {
			l := open(t, s)
			accepted := make(chan error)
			go func() {
				for range 2 {
					_, err := l.Accept()
					accepted <- err
				}
			}()
			c, err := net.Dial("tcp", l.Addr().String()) // so that the goroutine is there
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			r.step("Accept", <-accepted)
			r.step("Close", l.Close())
			r.step("Accept", <-accepted)
		},
	})
}
