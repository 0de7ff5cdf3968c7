package integration_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/moor-net/moor/listener"
)

// parkFast is what it takes to park the idle connections of an unmodified
// fasthttp server: its hook says when it waits for the next request, and when
// it has found one, be it in a buffer of its own. The server sees a connection
// that comes back as a new one: a user's hook would too, and RequestCtx's
// ConnTime and ConnRequestNum begin anew. MaxConnsPerIP, which wraps
// connections and counts those that the server has, must not be set.
func parkFast(srv *fasthttp.Server, ln net.Listener, opts ...listener.ParkOption) *listener.ParkListener {
	srv.ConnState = func(c net.Conn, state fasthttp.ConnState) {
		s, ok := c.(interface {
			Idle()
			Busy()
		})
		if !ok {
			return
		}
		switch state {
		case fasthttp.StateIdle:
			s.Idle()
		case fasthttp.StateActive:
			s.Busy()
		}
	}
	return listener.NewParkListener(ln, opts...)
}

// serveFastOn serves until the test ends and returns the address.
func serveFastOn(t *testing.T, ln net.Listener, srv *fasthttp.Server) string {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() {
		if err := srv.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

func awaitParked(t *testing.T, p *listener.ParkListener, n int) {
	t.Helper()
	for until := time.Now().Add(time.Minute); p.Stats().Parked != n; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the figures are %+v, want %d parked", p.Stats(), n)
		}
	}
}

// 15,000 idle keep-alive connections of a fasthttp server hold no goroutine and
// little memory, and all of them are served again at once.
func TestFastHTTPParked(t *testing.T) {
	n, most := 15000, 550.0 // 60 of which are the IdleTimeout's
	if testing.Short() || raceDetector {
		n = 1000
	}
	s := newStack(t)
	srv := &fasthttp.Server{
		Handler:               func(ctx *fasthttp.RequestCtx) { ctx.Write(ctx.Path()) },
		IdleTimeout:           time.Hour,
		MaxIdleWorkerDuration: 100 * time.Millisecond,
	}
	p := parkFast(srv, s.listen(t), listener.Grace(200*time.Millisecond))
	address := serveFastOn(t, p, srv)
	idle := func() {
		for until := time.Now().Add(time.Minute); strings.Contains(stacks(), "fasthttp.(*workerPool).workerFunc"); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatal("fasthttp's workers are still there")
			}
		}
	}
	goroutinesAtOnce(2 * n)                       // a worker for each connection, and some that still end
	warm := startPeers(t, "requests", address, n) // as many as later: pools stay
	warm.round(t)
	warm.end()
	awaitParked(t, p, 0)
	idle()
	measure := heapAndStack
	if runtime.GOOS == "windows" {
		// A goroutine begins with 8 KiB of stack there, and the memory that some
		// of the last burst's share with one that lives counts as in use.
		// For so few, what there is once makes a difference too.
		measure = heap
		most += 50_000 / float64(n)
	}
	goroutines, before := runtime.NumGoroutine(), measure()
	clients := startPeers(t, "requests", address, n)
	for range 3 {
		clients.round(t)
		awaitParked(t, p, n)
	}
	idle()
	awaitGoroutines(t, goroutines+5) // the other process's
	each := float64(measure()-before) / float64(n)
	t.Logf("%d idle connections: %.0f bytes each", n, each)
	if each > most && !raceDetector {
		t.Errorf("%.0f bytes each, want at most %.0f", each, most)
	}
	clients.end()
	awaitParked(t, p, 0)
}

// fasthttp's IdleTimeout holds while a connection is parked, and Shutdown ends
// parked connections.
func TestFastHTTPParkedTimeoutAndShutdown(t *testing.T) {
	const timeout = 300 * time.Millisecond
	for name, idle := range map[string]time.Duration{"IdleTimeout": timeout, "Shutdown": time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			srv := &fasthttp.Server{Handler: fastEcho, IdleTimeout: idle}
			p := parkFast(srv, s.listen(t), listener.Grace(10*time.Millisecond))
			served := make(chan error, 1)
			go func() { served <- srv.Serve(p) }()
			c := s.dial(t, p.Addr().String())
			r := bufio.NewReader(c)
			began := time.Now() // at the latest
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			var resp fasthttp.Response
			if err := resp.Read(r); err != nil {
				t.Fatal(err)
			}
			awaitParked(t, p, 1)
			if name == "Shutdown" {
				if err := srv.Shutdown(); err != nil {
					t.Error(err)
				}
			}
			if _, err := r.ReadByte(); err != io.EOF {
				t.Errorf("the parked connection ended with %v", err)
			}
			if d := time.Since(began); name == "IdleTimeout" && (d < timeout || d > timeout+time.Minute) {
				t.Errorf("closed after %v, want %v", d, timeout)
			}
			if name == "IdleTimeout" {
				srv.Shutdown()
			}
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// Whatever is split where, with parking at every chance, fasthttp answers the
// same as over package net's listener.
func TestFastHTTPParkedExactly(t *testing.T) {
	handler := func(ctx *fasthttp.RequestCtx) {
		fmt.Fprintf(ctx, "%s %s %q", ctx.Method(), ctx.RequestURI(), ctx.PostBody())
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 512) // more than the server's buffer
	streams := []string{
		"GET /a HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET /c HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /d HTTP/1.1\r\nHost: h\r\n\r\nPUT /e HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /f HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /g HTTP/1.1\r\nHost: h\r\n\r\nPOST /h HTTP/1.1\r\nHost: h\r\nContent-Length: 8192\r\n\r\n" + string(large) + "GET /i HTTP/1.1\r\nHost: h\r\n\r\n",
	}
	server, _ := tlsConfigs(t)
	for _, secure := range []bool{false, true} {
		for _, reduce := range []bool{false, true} {
			t.Run(fmt.Sprintf("TLS %v ReduceMemoryUsage %v", secure, reduce), func(t *testing.T) {
				t.Parallel()
				start := func(ln net.Listener, park bool) (string, *listener.ParkListener) {
					srv := &fasthttp.Server{Handler: handler, ReduceMemoryUsage: reduce, NoDefaultDate: true, Logger: silent{}}
					if secure {
						ln = tls.NewListener(ln, server)
					}
					if !park {
						return serveFastOn(t, ln, srv), nil
					}
					p := parkFast(srv, ln, listener.Grace(0))
					return serveFastOn(t, p, srv), p
				}
				std, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				reference, _ := start(std, false)
				address, p := start(newStack(t).listen(t), true)
				scripts, wait := 0, 2*time.Millisecond
				for _, stream := range streams {
					want := converse(t, reference, secure, nil, 0, stream)
					step := 1
					switch {
					case len(stream) > 1000:
						step = 97
					case testing.Short() || raceDetector:
						step = 7
					}
					for at := 1; at < len(stream); at += step {
						scripts++
						if got := converse(t, address, secure, p, wait, stream[:at], stream[at:]); got != want {
							t.Errorf("split at %d: %q\ngot  %q\nwant %q", at, stream, got, want)
						}
						if p.Stats().Parks < uint64(scripts)*3/4 { // the machine is busy
							wait = min(2*wait, 100*time.Millisecond)
						}
					}
				}
				n := p.Stats().Parks
				t.Logf("parked %d times in %d scripts", n, scripts)
				if n < uint64(scripts)/2 {
					t.Errorf("parked %d times in %d scripts", n, scripts)
				}
			})
		}
	}
}

// silent is a fasthttp.Logger.
type silent struct{}

func (silent) Printf(string, ...any) {}

// converse sends the pieces, with some time for p to park the connection after
// each, and returns all answers.
func converse(t *testing.T, address string, secure bool, p *listener.ParkListener, wait time.Duration, pieces ...string) string {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(time.Minute))
	c := raw.(interface {
		net.Conn
		CloseWrite() error
	})
	if secure {
		tc := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
		if err := tc.Handshake(); err != nil {
			t.Fatal(err)
		}
		c = tc
	}
	answers := make(chan []byte)
	go func() {
		got, err := io.ReadAll(c)
		if err != nil {
			got = fmt.Append(got, err)
		}
		answers <- got
	}()
	for _, piece := range pieces {
		var before listener.ParkStats
		if p != nil {
			before = p.Stats()
		}
		if _, err := io.WriteString(c, piece); err != nil {
			t.Fatal(err)
		}
		if p != nil { // a request that is incomplete is not parked: don't wait long
			for until := time.Now().Add(wait); p.Stats().Parks == before.Parks && time.Now().Before(until); {
				time.Sleep(100 * time.Microsecond)
			}
		}
	}
	c.CloseWrite()
	return string(<-answers)
}

// goroutinesAtOnce has n goroutines live at the same time. Go never gives up the
// descriptors of goroutines that have ended, some 400 bytes each: with these, what
// is measured later does not depend on how many happen to live at once meanwhile.
func goroutinesAtOnce(n int) {
	var ended sync.WaitGroup
	all := make(chan struct{})
	for range n {
		ended.Go(func() { <-all })
	}
	close(all)
	ended.Wait()
}

// awaitGoroutines waits until there are at most n goroutines: one that has done
// its work takes a moment to end.
func awaitGoroutines(t *testing.T, n int) {
	t.Helper()
	for until := time.Now().Add(time.Minute); runtime.NumGoroutine() > n; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d goroutines, want at most %d", runtime.NumGoroutine(), n)
		}
	}
}

// stacks returns what all goroutines are doing.
func stacks() string {
	for buf := make([]byte, 1<<20); ; buf = slices.Grow(buf, 2*len(buf))[:2*len(buf)] {
		if n := runtime.Stack(buf, true); n < len(buf) {
			return string(buf[:n])
		}
	}
}
