package listener_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// A handler that waits for its connection to become readable does not keep the
// loop, which is never taken over here. A context ends such a wait.
func TestHandlersWaitForReadabilityTogether(t *testing.T) {
	const n = 20
	errs := make(chan error, n)
	address := serveHandlersWith(t, &listener.Server{Handler: func(c net.Conn) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		buf := make([]byte, 1)
		for {
			if err := c.(*conn.TCPConn).WaitReadable(ctx); err != nil {
				errs <- err
				return
			}
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			if buf[0] == 'c' {
				time.AfterFunc(time.Millisecond, cancel)
			}
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	}}, moorrt.Config{Loops: 1, Patience: -1})
	say := func(c net.Conn, what string) {
		t.Helper()
		c.SetDeadline(time.Now().Add(time.Minute))
		buf := make([]byte, 1)
		if _, err := io.WriteString(c, what); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != what {
			t.Fatalf("%q, %v", buf, err)
		}
	}
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
		say(c, "a")
	}
	for range 3 {
		for _, c := range conns {
			say(c, "b")
		}
	}
	say(conns[7], "c")
	if err := <-errs; !strings.Contains(err.Error(), "operation was canceled") {
		t.Errorf("a wait whose context was canceled returned %v", err)
	}
}
