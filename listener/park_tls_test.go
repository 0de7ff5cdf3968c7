package listener_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

// serveParkTLS is servePark with TLS. Clients are to trust anything.
func serveParkTLS(t *testing.T, srv *http.Server, protos []string, opts ...listener.ParkOption) *parkServer {
	t.Helper()
	rt := newRuntime(t)
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	st := watchStates(srv)
	secure := tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: protos})
	if ln, err = listener.Park(srv, secure, opts...); err != nil {
		t.Fatal(err)
	}
	s := &parkServer{serveOn(t, rt, ln, srv), ln.(*listener.ParkListener), st}
	s.url = "https://" + s.addr
	s.transport().TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	s.transport().ForceAttemptHTTP2 = true
	return s
}

func (s *parkServer) dialTLS(t *testing.T, protos ...string) *tls.Conn {
	t.Helper()
	c := tls.Client(s.dial(t), &tls.Config{InsecureSkipVerify: true, NextProtos: protos})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

var http1 = []string{"http/1.1"}

// TLS connections that speak HTTP/1 are parked, after the handshake too, and
// Request.TLS tells of them.
func TestParkTLS(t *testing.T) {
	s := serveParkTLS(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || !r.TLS.HandshakeComplete || r.TLS.NegotiatedProtocol != "http/1.1" {
			t.Errorf("Request.TLS is %+v", r.TLS)
		}
		io.WriteString(w, r.URL.Path)
	})}, http1, listener.Grace(soon))
	c := s.dialTLS(t, "http/1.1")
	s.states.await(t, "n")
	s.awaitParked(t, 1)
	r := bufio.NewReader(c)
	want := "n"
	for i := range 5 {
		path := fmt.Sprint("/", i)
		if got := get(t, c, r, path); got != path {
			t.Fatalf("got %q, want %q", got, path)
		}
		s.awaitParked(t, 1)
		want += "ai"
		s.states.await(t, want)
	}
	c.Close()
	s.states.await(t, want+"c")
	if _, ok := s.states.order[0].(*listener.TLSSession); !ok {
		t.Errorf("the connection is a %T", s.states.order[0])
	}
}

// A connection that negotiates HTTP/2 is the *tls.Conn that net/http wants.
func TestParkHandsHTTP2Over(t *testing.T) {
	s := serveParkTLS(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " ", r.TLS.NegotiatedProtocol)
	})}, []string{"h2", "http/1.1"}, listener.Grace(soon))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			resp, err := s.client.Get(s.url)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "HTTP/2.0 h2" {
				t.Errorf("got %q, %v", body, err)
			}
		})
	}
	wg.Wait()
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	for _, c := range s.states.order {
		if _, ok := c.(*tls.Conn); !ok {
			t.Errorf("the connection is a %T", c)
		}
	}
}

// What is no handshake is answered as net/http does it; one that stalls holds up
// nobody and ends in time.
func TestParkTLSFailedHandshake(t *testing.T) {
	var log safeBuffer
	s := serveParkTLS(t, &http.Server{Handler: echoPath, ErrorLog: log.logger()}, http1,
		listener.Grace(soon), listener.FirstByte(2*time.Second))
	stalled := s.dial(t)
	stalled.Write([]byte{22})
	c := s.dialTLS(t, "http/1.1") // goes on beside it
	if got := get(t, c, bufio.NewReader(c), "/beside"); got != "/beside" {
		t.Errorf("got %q", got)
	}
	plain := s.dial(t)
	fmt.Fprint(plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if got, _ := io.ReadAll(plain); !strings.HasPrefix(string(got), "HTTP/1.0 400 ") {
		t.Errorf("a plain request was answered with %q", got)
	}
	if _, err := io.ReadAll(stalled); err != nil {
		t.Error(err)
	}
	for until := time.Now().Add(time.Minute); strings.Count(log.String(), "TLS handshake error") != 2; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("the log says %q", log.String())
		}
	}
}

// Requests in several records that come in one piece are all answered: what is
// in the TLS connection's own buffers is not forgotten over parking.
func TestParkTLSPipelinedRecords(t *testing.T) {
	for _, grace := range []time.Duration{0, time.Millisecond, time.Hour} {
		s := serveParkTLS(t, &http.Server{Handler: echoPath}, http1, listener.Grace(grace))
		raw := &heldConn{Conn: s.dial(t)}
		c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: http1})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(c)
		for round := range 20 {
			raw.hold()
			for i := range 5 {
				fmt.Fprintf(c, "GET /%d HTTP/1.1\r\n", i)
				io.WriteString(c, "Host: h\r\n\r\n")
			}
			raw.flush(round * 7)
			for i := range 5 {
				if got, want := answer(t, r), fmt.Sprint("/", i); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
		}
	}
}

// heldConn keeps what is written back until flush.
type heldConn struct {
	net.Conn
	held    []byte
	holding bool
}

func (c *heldConn) hold() { c.holding = true }

func (c *heldConn) Write(b []byte) (int, error) {
	if !c.holding {
		return c.Conn.Write(b)
	}
	c.held = append(c.held, b...)
	return len(b), nil
}

// flush sends what is held in two pieces, the second one of n bytes.
func (c *heldConn) flush(n int) {
	n = min(n, len(c.held))
	c.Conn.Write(c.held[:len(c.held)-n])
	if n > 0 {
		time.Sleep(2 * time.Millisecond) // a moment in which it may be parked
		c.Conn.Write(c.held[len(c.held)-n:])
	}
	c.held, c.holding = nil, false
}

// Shutdown closes parked TLS connections, with their last words.
func TestParkTLSShutdown(t *testing.T) {
	s := serveParkTLS(t, &http.Server{Handler: echoPath}, http1, listener.Grace(soon))
	conns := make([]*tls.Conn, 50)
	for i := range conns {
		conns[i] = s.dialTLS(t, "http/1.1")
		get(t, conns[i], bufio.NewReader(conns[i]), "/")
	}
	s.awaitParked(t, len(conns))
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for _, c := range conns {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Read returned %v", err)
		}
	}
}

// What can't be parked is served as it is: connections of another listener, and
// TLS put on top of Park's by ServeTLS.
func TestParkLeavesOthersAlone(t *testing.T) {
	cert := certificate(t)
	listen := map[string]func(string, string) (net.Listener, error){"std": net.Listen, "ours": listener.Listen}
	for name, listen := range listen {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " with TLS ", secure), func(t *testing.T) {
				ln, err := listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				srv := &http.Server{Handler: echoPath, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}}
				st := watchStates(srv)
				if ln, err = listener.Park(srv, ln, listener.Grace(time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				defer srv.Close()
				url := "http://" + ln.Addr().String() + "/path"
				if secure {
					url = "https" + url[len("http"):]
					go srv.ServeTLS(ln, "", "")
				} else {
					go srv.Serve(ln)
				}
				transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
				client := http.Client{Transport: transport}
				for range 3 {
					resp, err := client.Get(url)
					if err != nil {
						t.Fatal(err)
					}
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if proto := 1 + map[bool]int{true: 1}[secure]; err != nil || string(body) != "/path" || resp.ProtoMajor != proto {
						t.Errorf("got %s %q, %v", resp.Proto, body, err)
					}
					time.Sleep(5 * time.Millisecond) // a moment in which it may be parked
				}
				transport.CloseIdleConnections()
				if got := st.text(); strings.Count(got, "n") != 1 {
					t.Errorf("the hook was told %q", got)
				}
			})
		}
	}
}
