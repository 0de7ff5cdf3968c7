package listener_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

// Each test here failed once, but for one that says so.

// An idle connection that sends less than a request, as little as a byte, is still
// closed by the IdleTimeout.
func TestParkHoldsIdleTimeoutOverPartOfARequest(t *testing.T) {
	const idle = 1500 * time.Millisecond
	srv := func() *http.Server { return &http.Server{Handler: echoPath, IdleTimeout: idle} }
	check := func(t *testing.T, c, raw net.Conn, settle func(), part string) {
		get(t, c, bufio.NewReader(c), "/")
		settle()
		began := time.Now()
		io.WriteString(raw, part)
		raw.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, raw); err != nil {
			t.Errorf("%q: %v", part, err)
		}
		t.Logf("%q: closed after %v", part, time.Since(began))
	}
	for _, part := range []string{"G", "\r\n", "\r\nG"} {
		t.Run("std", func(t *testing.T) {
			t.Parallel()
			srv := srv()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go srv.Serve(ln)
			defer srv.Close()
			c := dialTo(t, ln.Addr().String())
			check(t, c, c, func() { time.Sleep(50 * time.Millisecond) }, part)
		})
		t.Run("park", func(t *testing.T) {
			t.Parallel()
			s := servePark(t, srv(), listener.Grace(soon))
			c := s.dial(t)
			check(t, c, c, func() { s.awaitParked(t, 1) }, part)
		})
	}
	t.Run("TLS", func(t *testing.T) {
		t.Parallel()
		s := serveParkTLS(t, srv(), http1, listener.Grace(soon))
		c := s.dialTLS(t, "http/1.1")
		check(t, c, c.NetConn(), func() { s.awaitParked(t, 1) }, "\x17")
	})
}

// What is left of a request comes in time: it is answered, as it always was, and the next
// one has its own time.
func TestParkServesARequestThatCameInParts(t *testing.T) {
	t.Parallel()
	const idle = 2 * time.Second
	s := servePark(t, &http.Server{Handler: echoPath, IdleTimeout: idle}, listener.Grace(soon))
	c := s.dial(t)
	r := bufio.NewReader(c)
	for range 2 {
		get(t, c, r, "/")
		s.awaitParked(t, 1)
		for _, part := range []string{"\r", "\n", "G", "E", "T", " ", "/", "x HTTP/1.1\r\n"} {
			io.WriteString(c, part)
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(idle + idle/2) // no time-out for the header is set
		io.WriteString(c, "Host: h\r\n\r\n")
		if got := answer(t, r); got != "/x" {
			t.Fatalf("got %q", got)
		}
	}
}

// A ConnState hook that takes its time holds up no connection's end: parked ones are
// closed when their IdleTimeout is over, as net/http closes them.
func TestParkClosesWhileTheHookBlocks(t *testing.T) {
	t.Parallel()
	const idle = 1500 * time.Millisecond
	entered, leave := make(chan bool, 10), make(chan bool)
	srv := &http.Server{Handler: echoPath, IdleTimeout: idle}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			entered <- true
			<-leave
		}
	}
	s := servePlain(t, srv, listener.Grace(soon))
	defer close(leave)
	first := s.dial(t)
	get(t, first, bufio.NewReader(first), "/")
	s.awaitParked(t, 1)
	first.Close()
	<-entered
	second := s.dial(t)
	get(t, second, bufio.NewReader(second), "/")
	s.awaitParked(t, 1)
	second.SetReadDeadline(time.Now().Add(20 * idle))
	if _, err := second.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a parked connection, %v after its IdleTimeout: %v", 19*idle, err)
	}
}
