package load

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/bench/server"
)

// serve runs handle for every connection to the address it returns, and ends
// the connection when handle returns.
func serve(t *testing.T, handle func(c net.Conn)) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return netip.MustParseAddrPort(ln.Addr().String())
}

// plain echoes.
func plain(c net.Conn) { io.Copy(c, struct{ io.Reader }{c}) }

// changed echoes, after change has seen the bytes, which are numbered.
func changed(change func(from int, b []byte) []byte) func(net.Conn) {
	return func(c net.Conn) {
		buf := make([]byte, 4096)
		for at := 0; ; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if _, err := c.Write(change(at, buf[:n])); err != nil {
				return
			}
			at += n
		}
	}
}

func config(addr netip.AddrPort) Config {
	return Config{
		Addr:      addr,
		ServerPID: os.Getpid(),
		Protocol:  server.Echo,
		Conns:     3,
		Depth:     1,
		Size:      64,
		Warmup:    20 * time.Millisecond,
		Duration:  50 * time.Millisecond,
		Begin:     func(int) error { return nil },
	}
}

func TestRunMeasuresAnEchoServer(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"one connection":                func(c *Config) { c.Conns = 1 },
		"many connections":              func(c *Config) { c.Conns = 100 },
		"one byte":                      func(c *Config) { c.Size = 1 },
		"pipelined":                     func(c *Config) { c.Depth = 7; c.Size = 100 },
		"pipelined beyond one write":    func(c *Config) { c.Depth = 50; c.Size = 5000 },
		"larger than the socket buffer": func(c *Config) { c.Size = 8 << 20; c.Duration = 200 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(serve(t, plain))
			change(&cfg)
			r, err := Run(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if r.Requests < 1 || r.Wall < cfg.Duration || r.ServerCPU <= 0 || r.ClientCPU <= 0 {
				t.Errorf("result: %+v", r)
			}
			if r.P50 <= 0 || r.P50 > r.P90 || r.P90 > r.P99 || r.P99 > r.Max {
				t.Errorf("latencies: %+v", r)
			}
		})
	}
}

func TestRunKeepsDepthRequestsOnTheirWay(t *testing.T) {
	const depth, size = 5, 10
	var most atomic.Int64
	// Nothing is answered before all of a connection's requests are there.
	addr := serve(t, func(c net.Conn) {
		buf := make([]byte, depth*size)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			c.SetReadDeadline(time.Now().Add(time.Millisecond))
			if n, _ := c.Read(make([]byte, 1)); n > 0 {
				most.Add(1)
			}
			c.SetReadDeadline(time.Time{})
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	})
	cfg := config(addr)
	cfg.Depth, cfg.Size = depth, size
	if _, err := Run(cfg); err != nil {
		t.Fatal(err)
	}
	if n := most.Load(); n > 0 {
		t.Errorf("%d times there was more than %d requests", n, depth)
	}
}

func TestRunMakesExactlyTheRequestsAskedFor(t *testing.T) {
	for _, requests := range []int{1, 2, 3, 10, 100} {
		var begun bool
		var bytes atomic.Int64
		addr := serve(t, changed(func(_ int, b []byte) []byte {
			bytes.Add(int64(len(b)))
			return b
		}))
		cfg := config(addr)
		cfg.Requests = requests
		cfg.Begin = func(int) error {
			begun = true
			bytes.Store(0)
			return nil
		}
		cfg.End = func(r Result) error {
			if r.Requests != int64(requests) || bytes.Load() != int64(requests*cfg.Size) {
				t.Errorf("asked for %d requests: counted %d, the server got %d bytes", requests, r.Requests, bytes.Load())
			}
			return nil
		}
		if _, err := Run(cfg); err != nil {
			t.Fatal(err)
		}
		if !begun {
			t.Error("Begin was not called")
		}
	}
}

func TestRunReportsCorruption(t *testing.T) {
	for name, test := range map[string]struct {
		handle func(net.Conn)
		want   string
	}{
		"a flipped bit": {changed(func(from int, b []byte) []byte {
			if at := 64*10 + 7 - from; at >= 0 && at < len(b) {
				b[at] ^= 1
			}
			return b
		}), "byte 7 of message 10"},
		"a lost byte": {changed(func(from int, b []byte) []byte {
			if from == 0 {
				return b[1:]
			}
			return b
		}), "byte 0 of message 0"},
		"a message twice": {changed(func(from int, b []byte) []byte {
			if from == 0 {
				return append(b, b...)
			}
			return b
		}), "never asked for, after message 1"},
		"a message of before": {func() func(net.Conn) {
			var before []byte
			return changed(func(from int, b []byte) []byte {
				if from/64 == 4 {
					before = append(before, b...)
				}
				if from/64 == 5 {
					return before
				}
				return b
			})
		}(), "of message 5"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(serve(t, test.handle))
			cfg.Conns = 1
			// Enough for the warm-up never to end before the message in question.
			cfg.Warmup = stall
			_, err := Run(cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, should name %q", err, test.want)
			}
		})
	}
}

func TestRunReportsAnswersOnTheWrongConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		var pair [2]net.Conn
		for i := range pair {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			pair[i] = c
		}
		go io.Copy(pair[0], struct{ io.Reader }{pair[1]})
		io.Copy(pair[1], struct{ io.Reader }{pair[0]})
	}()
	cfg := config(netip.MustParseAddrPort(ln.Addr().String()))
	cfg.Conns = 2
	cfg.Warmup = stall
	if _, err := Run(cfg); err == nil || !strings.Contains(err.Error(), "corrupt echo") {
		t.Errorf("error is %v", err)
	}
}

func TestBytesThatWereNeverSentAreCorruption(t *testing.T) {
	p := newPattern(4)
	c := conn{grantedAt: make([]time.Duration, 1)}
	c.grant(0)
	returned := 0
	count := func(uint64) { returned++ }
	if err := c.check(p, p.message(0, 0), count); err != nil || returned != 1 {
		t.Fatalf("%d messages came back, %v", returned, err)
	}
	// Not even when they are what would be sent next.
	if err := c.check(p, p.message(0, 1), count); err == nil || returned != 1 {
		t.Errorf("%d messages came back, %v", returned, err)
	}
}

func TestRunReportsAClosedConnection(t *testing.T) {
	addr := serve(t, func(c net.Conn) { io.CopyN(c, struct{ io.Reader }{c}, 6400) })
	cfg := config(addr)
	cfg.Warmup = stall // the end comes before, however slow the machine is
	if _, err := Run(cfg); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("error is %v", err)
	}
}

func TestRunReportsARefusedConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(ln.Addr().String())
	ln.Close()
	if _, err := Run(config(addr)); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("error is %v", err)
	}
}
