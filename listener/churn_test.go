//go:build linux || windows

package listener_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sockerr"
	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// A census counts what connections could leave behind.
type census struct {
	descriptors, goroutines int
	conns, timers           int64
}

func takeCensus(t *testing.T, rt *moorrt.Runtime) census {
	t.Helper()
	stats := rt.Stats()
	c := census{descriptors: openDescriptors(t), goroutines: runtime.NumGoroutine(), conns: stats.Conns()}
	for _, l := range stats.Loops {
		c.timers += l.Timers
	}
	return c
}

// awaitCensus gives the last connections a minute to go until nothing is
// left that was not there before.
func awaitCensus(t *testing.T, rt *moorrt.Runtime, before census) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		now := takeCensus(t, rt)
		if now.descriptors <= before.descriptors && now.goroutines <= before.goroutines &&
			now.conns <= before.conns && now.timers <= before.timers {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("before: %+v, after: %+v", before, now)
		}
		time.Sleep(time.Millisecond)
	}
}

// Connections that live for one request leave nothing, whoever ends them and
// however.
func TestShortConnections(t *testing.T) {
	total := 100_000
	if testing.Short() {
		total = 10_000
	}
	if sockerr.Wine {
		total = 2_000
	}
	rt := newRuntime(t)
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serveOn(t, rt, ln, &http.Server{
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "short") }),
		ReadTimeout: time.Hour, // so that there are timers to leave behind
	})
	s.transport().DisableKeepAlives = true
	port := ln.Addr().(*net.TCPAddr).Port
	// Several addresses, since those in TIME_WAIT keep their ports.
	address := func(i int) string { return fmt.Sprintf("127.1.%d.1:%d", i/3%16, port) }

	// ask makes a connection and a request on it, and gives both to finish.
	ask := func(i int, finish func(c *conn.TCPConn) error) error {
		c, err := s.dialer().Dial("tcp", address(i))
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: short\r\nConnection: close\r\n\r\n"); err != nil {
			return err
		}
		return finish(c.(*conn.TCPConn))
	}
	check := func(text string, err error) error {
		if err == nil && !strings.HasSuffix(text, "short") {
			err = fmt.Errorf("got %q", text)
		}
		return err
	}
	ways := []func(i int) error{
		func(i int) error { // the server closes first
			return ask(i, func(c *conn.TCPConn) error {
				got, err := io.ReadAll(c)
				return check(string(got), err)
			})
		},
		func(i int) error { // the client resets, perhaps before the answer
			return ask(i, func(c *conn.TCPConn) error { return c.SetLinger(0) })
		},
		func(i int) error { // net/http decides
			resp, err := s.client.Get("http://" + address(i))
			if err != nil {
				return err
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			return check(string(got), err)
		},
	}
	for i := range 3 * len(ways) { // whatever is made at the first use is there
		if err := ways[i%len(ways)](i); err != nil {
			t.Fatal(err)
		}
	}
	awaitCensus(t, rt, census{descriptors: 1 << 20, goroutines: 1 << 20, conns: 1})
	before := takeCensus(t, rt)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= total; i = int(next.Add(1)) {
				if err := ways[i%len(ways)](i); err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	awaitCensus(t, rt, before)
}
