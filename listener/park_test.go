package listener_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// A parkServer is a server on a listener that parks connections, and what its
// ConnState hook was told.
type parkServer struct {
	*server
	park   *listener.ParkListener
	states *states
}

// servePark is serve on a listener that parks.
func servePark(t *testing.T, srv *http.Server, opts ...listener.ParkOption) *parkServer {
	t.Helper()
	st := watchStates(srv)
	s := servePlain(t, srv, opts...)
	s.states = st
	return s
}

// servePlain is servePark without a hook.
func servePlain(t *testing.T, srv *http.Server, opts ...listener.ParkOption) *parkServer {
	t.Helper()
	rt := newRuntime(t)
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln, err = listener.Park(srv, ln, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return &parkServer{serveOn(t, rt, ln, srv), ln.(*listener.ParkListener), nil}
}

// states records what a ConnState hook is told, by connection.
type states struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every call
	of      map[net.Conn][]http.ConnState
	order   []net.Conn
}

func watchStates(srv *http.Server) *states {
	st := &states{of: map[net.Conn][]http.ConnState{}, changed: make(chan struct{})}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		st.mu.Lock()
		defer st.mu.Unlock()
		if _, ok := st.of[c]; !ok {
			st.order = append(st.order, c)
		}
		st.of[c] = append(st.of[c], state)
		close(st.changed)
		st.changed = make(chan struct{})
	}
	return st
}

// text returns what was told, one word a connection.
func (st *states) text() string {
	st.mu.Lock()
	defer st.mu.Unlock()
	var words []string
	for _, c := range st.order {
		word := ""
		for _, s := range st.of[c] {
			word += s.String()[:1]
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// await waits until what was told is want.
func (st *states) await(t *testing.T, want string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		st.mu.Lock()
		changed := st.changed
		st.mu.Unlock()
		got := st.text()
		if got == want {
			return
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("the hook was told %q, want %q", got, want)
		}
	}
}

// awaitParked waits until n connections are parked.
func (s *parkServer) awaitParked(t *testing.T, n int) {
	t.Helper()
	limit := time.Now().Add(time.Minute)
	for s.park.Parked() != n {
		if time.Now().After(limit) {
			t.Fatalf("%d connections are parked, want %d", s.park.Parked(), n)
		}
		time.Sleep(time.Millisecond) // there is no event for it
	}
}

// get sends a request for path and reads the answer.
func get(t *testing.T, c net.Conn, r *bufio.Reader, path string) string {
	t.Helper()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	return answer(t, r)
}

// answer reads one answer's body.
func answer(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// echoPath answers with the request's path.
var echoPath = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })

// A connection is parked between requests and nobody notices: the server's
// handlers and hooks see one connection, the client neither.
func TestParkKeepsOneConnection(t *testing.T) {
	type key struct{}
	var (
		mu    sync.Mutex
		conns []net.Conn // what each request's context says
		calls int
		addrs []string
	)
	s := servePark(t, &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, r.Context().Value(key{}).(net.Conn))
			addrs = append(addrs, r.RemoteAddr+" "+r.Context().Value(http.LocalAddrContextKey).(net.Addr).String())
			io.WriteString(w, r.URL.Path)
		}),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if ctx.Value(http.ServerContextKey) == nil {
				t.Error("the context has no server")
			}
			calls++
			return context.WithValue(ctx, key{}, c)
		},
	}, listener.Grace(10*time.Millisecond))
	c := s.dial(t)
	s.awaitParked(t, 1)
	if got := s.states.text(); got != "" {
		t.Errorf("before the first byte the hook was told %q", got)
	}
	r := bufio.NewReader(c)
	want := "na"
	for i := range 5 {
		path := fmt.Sprint("/", i)
		if got := get(t, c, r, path); got != path {
			t.Fatalf("got %q, want %q", got, path)
		}
		s.awaitParked(t, 1)
		if i > 0 {
			want += "a"
		}
		want += "i"
		s.states.await(t, want)
	}
	c.Close()
	s.states.await(t, want+"c")
	s.awaitParked(t, 0)
	mu.Lock()
	defer mu.Unlock()
	if calls != 1 {
		t.Errorf("ConnContext was called %d times", calls)
	}
	if slices.IndexFunc(conns, func(c net.Conn) bool { return c != conns[0] }) >= 0 {
		t.Error("handlers saw several connections")
	}
	if _, ok := conns[0].(*listener.Session); !ok || conns[0] != s.states.order[0] {
		t.Errorf("the connection is a %T, for the hook a %T", conns[0], s.states.order[0])
	}
	if want := c.LocalAddr().String() + " " + s.addr; slices.IndexFunc(addrs, func(a string) bool { return a != want }) >= 0 {
		t.Errorf("addresses %q, want %q", addrs, want)
	}
}

var _ interface {
	net.Conn
	io.ReaderFrom
	io.WriterTo
	CloseWrite() error
	NetConn() net.Conn
} = (*listener.Session)(nil)

var _ net.Conn = (*conn.TCPConn)(nil)
