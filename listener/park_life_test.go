package listener_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sockerr"
	"github.com/moor-net/moor/listener"
)

// soon is a grace period that tests can wait for.
const soon = 10 * time.Millisecond

// The hook hears the same from a server whose connections are parked as from
// one over std's listener.
func TestParkHookHearsTheSame(t *testing.T) {
	run := func(t *testing.T, st *states, addr string, settle func()) string {
		for i, requests := range []string{"g", "ggg", "gc", "p", "h", "gh", "b"} {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(c)
			for _, kind := range requests {
				settle()
				switch kind {
				case 'g':
					get(t, c, r, "/")
				case 'c':
					fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
					answer(t, r)
				case 'p': // pipelined, and cut in the second one
					fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HT")
					answer(t, r)
					settle()
					fmt.Fprint(c, "TP/1.1\r\nHost: h\r\n\r\n")
					answer(t, r)
				case 'h':
					fmt.Fprint(c, "GET /hijack HTTP/1.1\r\nHost: h\r\n\r\n")
					r.ReadByte()
				case 'b':
					fmt.Fprint(c, "bad\r\n\r\n")
					io.Copy(io.Discard, r)
				}
			}
			settle()
			c.Close()
			// Wait until the server has done with it.
			for deadline := time.Now().Add(time.Minute); ; {
				words := strings.Fields(st.text())
				if len(words) == i+1 && strings.HasSuffix(words[i], "c") || strings.HasSuffix(st.text(), "h") {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("the hook was told %q", st.text())
				}
				time.Sleep(time.Millisecond)
			}
		}
		return st.text()
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hijack" {
			if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
				c.Close()
			}
		}
	})
	srv := &http.Server{Handler: handler}
	st := watchStates(srv)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go srv.Serve(ln)
	defer srv.Close()
	want := run(t, st, ln.Addr().String(), func() {})
	s := servePark(t, &http.Server{Handler: handler}, listener.Grace(time.Millisecond))
	got := run(t, s.states, s.addr, func() { time.Sleep(5 * time.Millisecond) }) // a moment in which it may be parked
	t.Log(got)
	if got != want {
		t.Errorf("the hook was told\n%s, want\n%s", got, want)
	}
}

// The server's IdleTimeout closes a parked connection.
func TestParkKeepsIdleTimeout(t *testing.T) {
	const timeout = 300 * time.Millisecond
	s := servePark(t, &http.Server{Handler: echoPath, IdleTimeout: timeout}, listener.Grace(soon))
	c := s.dial(t)
	r := bufio.NewReader(c)
	began := time.Now() // at the latest
	get(t, c, r, "/")
	s.awaitParked(t, 1)
	if _, err := r.ReadByte(); err != io.EOF {
		t.Fatal(err)
	}
	if d := time.Since(began); d < timeout || d > timeout+tardy {
		t.Errorf("closed after %v, want %v", d, timeout)
	}
	s.states.await(t, "naic")
}

// Within the grace period the server's own deadline ends an idle read.
func TestParkKeepsDeadlineOfIdleRead(t *testing.T) {
	s := servePark(t, &http.Server{Handler: echoPath, IdleTimeout: 50 * time.Millisecond}, listener.Grace(time.Hour))
	c := s.dial(t)
	r := bufio.NewReader(c)
	get(t, c, r, "/")
	if _, err := r.ReadByte(); err != io.EOF {
		t.Fatal(err)
	}
	s.states.await(t, "naic")
}

// A new connection that sends nothing is closed without the server's knowledge.
func TestParkLimitsFirstByte(t *testing.T) {
	const timeout = 100 * time.Millisecond
	s := servePark(t, &http.Server{Handler: echoPath}, listener.FirstByte(timeout))
	began := time.Now()
	c := s.dial(t)
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Fatal(err)
	}
	if d := time.Since(began); d < timeout || d > timeout+tardy {
		t.Errorf("closed after %v, want %v", d, timeout)
	}
	if got := s.states.text(); got != "" {
		t.Errorf("the hook was told %q", got)
	}
}

// Connections that trickle hold no goroutine before their first byte, and no
// longer than ReadHeaderTimeout after it.
func TestParkSlowLoris(t *testing.T) {
	const n = 300
	s := servePark(t, &http.Server{Handler: echoPath, ReadHeaderTimeout: 2 * time.Second}, listener.FirstByte(time.Minute))
	before := runtime.NumGoroutine()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = s.dial(t)
	}
	s.awaitParked(t, n)
	if more := runtime.NumGoroutine() - before; more > 5 {
		t.Errorf("%d goroutines more for %d connections that have sent nothing", more, n)
	}
	began := time.Now()
	for _, c := range conns {
		c.Write([]byte("G"))
	}
	for _, c := range conns {
		// net/http says so before it closes.
		if got, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if d := time.Since(began); d < 2*time.Second || d > 2*time.Second+tardy {
		t.Errorf("closed after %v", d)
	}
}

// Shutdown closes thousands of parked connections while others are busy, whose
// requests are answered.
func TestParkShutdownUnderLoad(t *testing.T) {
	const busy = 16
	parked := 3000
	if testing.Short() {
		parked = 500
	}
	var inside, answered atomic.Int64
	s := servePark(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside.Add(1)
		io.WriteString(w, r.URL.Path)
	})}, listener.Grace(soon))
	idle := make([]net.Conn, parked)
	for i := range idle {
		c := s.dial(t)
		idle[i] = c
		get(t, c, bufio.NewReader(c), "/")
	}
	s.awaitParked(t, parked)
	// Each has an answer before Shutdown comes: the hook is not told of those
	// that never were the server's.
	var busyConns [busy]net.Conn
	var readers [busy]*bufio.Reader
	for i := range busy {
		busyConns[i] = s.dial(t)
		readers[i] = bufio.NewReader(busyConns[i])
		get(t, busyConns[i], readers[i], "/")
	}
	inside.Store(0)
	var wg sync.WaitGroup
	enough := make(chan struct{})
	for i := range busy {
		c, r := busyConns[i], readers[i]
		wg.Go(func() {
			for n := 0; ; n++ {
				if i%4 == 0 {
					time.Sleep(3 * soon) // is parked meanwhile
				}
				if _, err := fmt.Fprint(c, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
					return
				}
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					return
				}
				if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "/x" {
					t.Errorf("got %q, %v", body, err)
				}
				if answered.Add(1) == 1000 {
					close(enough)
				}
			}
		})
	}
	<-enough
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown returned %v", err)
	}
	wg.Wait()
	if inside.Load() != answered.Load() {
		t.Errorf("handlers saw %d requests, of which %d were answered", inside.Load(), answered.Load())
	}
	for _, c := range idle {
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("a parked connection's Read returned %v", err)
		}
	}
	if n := s.park.Parked(); n != 0 {
		t.Errorf("%d connections are parked", n)
	}
	closedAll := func() bool {
		words := strings.Fields(s.states.text())
		return len(words) == parked+busy && !slices.ContainsFunc(words, func(w string) bool { return !strings.HasSuffix(w, "c") })
	}
	for until := time.Now().Add(time.Minute); !closedAll(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the hook was not told of every end")
		}
	}
}

// The connection that a handler has, or has hijacked, is the one that the hook
// knows, and is never parked again.
func TestParkHijack(t *testing.T) {
	hijacked := make(chan net.Conn, 1)
	s := servePark(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/hijack" {
			return
		}
		c, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		line, err := buf.ReadString('\n')
		if err != nil || line != "with it\n" {
			t.Errorf("got %q, %v", line, err)
		}
		hijacked <- c
	})}, listener.Grace(soon))
	c := s.dial(t)
	r := bufio.NewReader(c)
	get(t, c, r, "/")
	s.awaitParked(t, 1)
	fmt.Fprint(c, "GET /hijack HTTP/1.1\r\nHost: h\r\n\r\nwith it\n")
	h := <-hijacked
	s.states.await(t, "naiah")
	if h != s.states.order[0] {
		t.Error("the hook knows another connection")
	}
	// Longer than the grace period, then a deadline of its own.
	h.SetReadDeadline(time.Now().Add(5 * soon))
	if _, err := h.Read(make([]byte, 4096)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read returned %v", err)
	}
	h.SetReadDeadline(time.Time{})
	fmt.Fprint(c, "more")
	var b [4]byte
	if _, err := io.ReadFull(h, b[:]); err != nil || string(b[:]) != "more" {
		t.Errorf("got %q, %v", b, err)
	}
	h.Close()
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("after Close the client's Read returned %v", err)
	}
	if err := h.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a second Close returned %v", err)
	}
}

// A connection may be closed by whoever has it, parked or not.
func TestParkCloseFromOutside(t *testing.T) {
	s := servePark(t, &http.Server{Handler: echoPath}, listener.Grace(soon))
	for _, park := range []bool{true, false} {
		c := s.dial(t)
		r := bufio.NewReader(c)
		get(t, c, r, "/")
		if park {
			s.awaitParked(t, 1)
		}
		s.states.mu.Lock()
		session := s.states.order[len(s.states.order)-1]
		s.states.mu.Unlock()
		if err := session.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.ReadByte(); err != io.EOF && !sockerr.Reset(err) {
			t.Error(err)
		}
	}
	s.states.await(t, "naic naic")
	s.awaitParked(t, 0)
}

// The local addresses of parked connections take no memory, not even where the
// listener's own is not theirs; and remain what they are.
func TestParkSharesLocalAddresses(t *testing.T) {
	ln, err := listener.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	addrs := make(chan net.Addr, 1)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addrs <- r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	})}
	if ln, err = listener.Park(srv, ln, listener.Grace(soon)); err != nil {
		t.Fatal(err)
	}
	go srv.Serve(ln)
	defer srv.Close()
	s := &parkServer{park: ln.(*listener.ParkListener)}
	var clients []net.Conn
	for _, host := range []string{"127.0.0.1", "127.0.0.1", "127.0.0.2"} {
		c, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients = append(clients, c)
	}
	seen := make([]net.Addr, len(clients))
	for range 3 {
		for i, c := range clients {
			get(t, c, bufio.NewReader(c), "/")
			seen[i] = <-addrs
			if seen[i].String() != c.RemoteAddr().String() {
				t.Errorf("local address %v, want %v", seen[i], c.RemoteAddr())
			}
		}
		s.awaitParked(t, len(clients))
	}
	if seen[0] != seen[1] {
		t.Error("two connections to one address have a copy of it each")
	}
}
