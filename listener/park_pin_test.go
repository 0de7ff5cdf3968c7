package listener_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

// recordedConn notes the calls that parking relies on.
type recordedConn struct {
	net.Conn
	mu    *sync.Mutex
	calls *[]string
}

func (c recordedConn) note(format string, args ...any) {
	c.mu.Lock()
	*c.calls = append(*c.calls, fmt.Sprintf(format, args...))
	c.mu.Unlock()
}

func (c recordedConn) Read(b []byte) (int, error) {
	c.note("read %d", len(b))
	return c.Conn.Read(b)
}

func (c recordedConn) SetReadDeadline(t time.Time) error {
	c.note("deadline")
	return c.Conn.SetReadDeadline(t)
}

// oneListener returns c and then nothing.
type oneListener struct {
	net.Listener
	conns chan net.Conn
}

func (l oneListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

// Parking rests on what net/http does between two requests: it reports
// StateIdle, sets the read deadline, reads as much as its buffer has left unless
// it holds four bytes, and sets the deadline again. This is so in the version of
// Go that runs the test.
func TestNetHTTPBetweenRequests(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, timeout := range []time.Duration{0, time.Minute} {
		for next := 0; next <= len(request); next++ {
			var mu sync.Mutex
			var calls []string
			client, end := net.Pipe()
			c := recordedConn{end, &mu, &calls}
			idle := make(chan struct{}, 2)
			srv := &http.Server{Handler: echoPath, IdleTimeout: timeout, ReadHeaderTimeout: timeout,
				ConnState: func(_ net.Conn, state http.ConnState) {
					if state == http.StateIdle {
						c.note("idle")
						idle <- struct{}{}
					}
				}}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			l := oneListener{ln, make(chan net.Conn, 1)}
			l.conns <- c
			go srv.Serve(l)
			r := bufio.NewReader(client)
			go io.WriteString(client, request+request[:next])
			answer(t, r)
			<-idle
			if next == len(request) {
				answer(t, r)
				<-idle
			} else {
				// The idle read, or the one for the rest of a header, comes by itself.
				for until := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
					mu.Lock()
					blocked := strings.HasPrefix(calls[len(calls)-1], "read") && calls[len(calls)-2] != "idle" && slices.Contains(calls, "idle")
					mu.Unlock()
					if blocked {
						break
					}
					if time.Now().After(until) {
						t.Fatalf("no read after %q", calls)
					}
				}
			}
			mu.Lock()
			full := ""
			for _, call := range calls {
				if strings.HasPrefix(call, "read") {
					full = call // the first one
					break
				}
			}
			after := slices.Clone(calls[slices.Index(calls, "idle")+1:])
			mu.Unlock()
			var size int
			fmt.Sscanf(full, "read %d", &size)
			want := []string{"deadline"}
			if next < 4 {
				want = append(want, fmt.Sprint("read ", size-next))
			} else {
				want = append(want, "deadline")
			}
			if len(after) < 2 || !slices.Equal(after[:2], want) {
				t.Errorf("with %d bytes of the next request, after StateIdle: %q, want %q", next, after, want)
			}
			client.Close()
			close(l.conns)
			srv.Close()
		}
	}
}

// A server of another kind parks connections by Idle, Read's io.EOF and Close.
func TestParkListenerForOtherServers(t *testing.T) {
	rt := newRuntime(t)
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := listener.NewParkListener(ln, listener.Grace(soon))
	var mu sync.Mutex
	accepted := map[net.Conn]int{}
	served := make(chan error, 1)
	go func() {
		for {
			c, err := p.Accept()
			if err != nil {
				served <- err
				return
			}
			mu.Lock()
			accepted[c]++
			mu.Unlock()
			go func() {
				defer c.Close()
				var b [1]byte
				for {
					c.(*listener.Session).Idle()
					if _, err := c.Read(b[:]); err != nil {
						return
					}
					c.Write(b[:])
				}
			}()
		}
	}()
	s := &parkServer{server: &server{rt: rt, addr: ln.Addr().String()}, park: p}
	c := s.dial(t)
	for i := range 10 {
		sent := []byte{byte(i)}
		c.Write(sent)
		if _, err := io.ReadFull(c, sent); err != nil || sent[0] != byte(i) {
			t.Fatalf("got %v, %v", sent, err)
		}
		s.awaitParked(t, 1)
	}
	mu.Lock()
	if len(accepted) != 1 {
		t.Errorf("%d connections, want one", len(accepted))
	}
	for _, n := range accepted {
		if n != 10 {
			t.Errorf("accepted %d times, want 10", n)
		}
	}
	mu.Unlock()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err == nil {
		t.Error("Accept of a closed listener returned no error")
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after Close the client's Read returned %v", err)
	}
}
