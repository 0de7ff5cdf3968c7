package listener_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// serveEvents starts an EventServer on a Runtime of its own.
func serveEvents(t testing.TB, s *listener.EventServer) (address string) {
	t.Helper()
	return serveEventsOn(t, s, 2)
}

func serveEventsOn(t testing.TB, s *listener.EventServer, loops int) (address string) {
	t.Helper()
	rt, err := moorrt.New(moorrt.Config{Loops: loops})
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
		if st := s.Stats(); st.Conns != 0 || st.Pending != 0 || st.Unread != 0 || st.Slow != 0 {
			t.Errorf("left over: %+v", st)
		}
	})
	return ln.Addr().String()
}

// echoEvents answers with what comes.
var echoEvents = listener.Events{OnReadable: func(c *listener.EventConn) error {
	p, _ := c.Next(-1)
	_, err := c.Write(p)
	return err
}}

func dialTo(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func TestEventEcho(t *testing.T) {
	address := serveEvents(t, &listener.EventServer{Events: echoEvents})
	c := dialTo(t, address)
	want := bytes.Repeat([]byte("0123456789abcdef"), 10000)
	go func() {
		c.Write(want)
		c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back, want %d: %v", len(got), len(want), err)
	}
}
