package listener_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
)

// serveHijacked starts a server that takes every connection out of net/http and
// gives it to use.
func serveHijacked(t *testing.T, use func(c *conn.TCPConn, rw *bufio.ReadWriter)) *server {
	t.Helper()
	return serve(t, &http.Server{
		ReadTimeout:  time.Hour, // hijacking clears the deadlines that come of these
		WriteTimeout: time.Hour,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			raw, ok := c.(*conn.TCPConn)
			if !ok {
				t.Errorf("the hijacked connection is a %T", c)
				return
			}
			use(raw, rw)
		}),
	})
}

const hijackRequest = "GET / HTTP/1.1\r\nHost: hijack\r\n\r\n"

// The connection behaves as one that net/http never had: what came with the
// request is in the buffer, the rest is read from the connection itself.
func TestHijackEcho(t *testing.T) {
	s := serveHijacked(t, func(c *conn.TCPConn, rw *bufio.ReadWriter) {
		if _, err := io.Copy(c, rw); err != nil {
			t.Error(err)
		}
	})
	for _, after := range []string{"", "early", string(bytes.Repeat([]byte("long "), 10_000))} {
		c := s.dial(t)
		fmt.Fprint(c, hijackRequest+after)
		got := make([]byte, len(after))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != after {
			t.Fatalf("what followed the request came back as %q, %v", got, err)
		}
		for i := range 100 {
			sent := fmt.Sprintf("message %d", i)
			fmt.Fprint(c, sent)
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != sent {
				t.Fatalf("got %q, %v; want %q", got, err, sent)
			}
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
			t.Errorf("after the end: %q, %v", rest, err)
		}
	}
}

// net/http reads in the background while a handler runs, and interrupts that
// with a deadline in the past. Neither may eat a byte or leave its deadline.
func TestHijackWhileBackgroundRead(t *testing.T) {
	hijacked := make(chan struct{})
	s := serveHijacked(t, func(c *conn.TCPConn, rw *bufio.ReadWriter) {
		hijacked <- struct{}{}
		io.Copy(c, rw)
	})
	for i := range 200 {
		c := s.dial(t)
		fmt.Fprint(c, hijackRequest)
		if i%2 == 0 {
			<-hijacked
		}
		fmt.Fprint(c, "after")
		if i%2 == 1 {
			<-hijacked
		}
		got := make([]byte, 5)
		if _, err := io.ReadFull(c, got); err != nil || string(got) != "after" {
			t.Fatalf("round %d: got %q, %v", i, got, err)
		}
		c.Close()
	}
}

func TestHijackDeadlines(t *testing.T) {
	s := serveHijacked(t, func(c *conn.TCPConn, rw *bufio.ReadWriter) {
		const wait = 50 * time.Millisecond
		start := time.Now()
		c.SetReadDeadline(start.Add(wait))
		n, err := c.Read(make([]byte, 1))
		if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read returned %d, %v", n, err)
		}
		if d := time.Since(start); d < wait {
			t.Errorf("the deadline came after %v, %v early", d, wait-d)
		}
		c.SetReadDeadline(time.Time{})
		fmt.Fprint(c, "go on")
		if got, err := rw.ReadString('\n'); err != nil || got != "line\n" {
			t.Errorf("after the deadline: %q, %v", got, err)
		}
		fmt.Fprint(c, "done")
	})
	c := s.dial(t)
	fmt.Fprint(c, hijackRequest)
	got := make([]byte, len("go on"))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "go on" {
		t.Fatalf("got %q, %v", got, err)
	}
	fmt.Fprint(c, "line\n")
	if rest, err := io.ReadAll(c); err != nil || string(rest) != "done" {
		t.Errorf("got %q, %v", rest, err)
	}
}
