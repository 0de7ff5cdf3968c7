package listener_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

// exactHandler reads a body with a buffer of the size that the path names, and
// answers with everything that it got. Nothing of the answer changes with time.
var exactHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header()["Date"] = nil
	size, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	buf := make([]byte, max(size, 1))
	var body []byte
	for {
		n, err := r.Body.Read(buf)
		body = append(body, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Fprintf(w, "%v after ", err)
			break
		}
	}
	fmt.Fprintf(w, "%s %s %q %q %v", r.Method, r.URL, body, r.Trailer, r.TLS != nil)
})

// A script is what a client sends, in pieces. Before each one it waits for as
// long as it takes an idle connection to be parked.
type script [][]byte

// exactServers run scripts: over std's listener for reference, and over ours,
// parking at every chance or after a moment.
type exactServers struct {
	std, stdTLS func(script) ([]byte, error)
	parks       map[string]func(script) ([]byte, error)
	listeners   map[string]*listener.ParkListener
	slack       atomic.Int64 // how many times longer than on a free machine to wait for parking
}

func newExactServers(t testing.TB) *exactServers {
	cert := certificate(t)
	s := &exactServers{parks: map[string]func(script) ([]byte, error){}, listeners: map[string]*listener.ParkListener{}}
	s.slack.Store(1)
	secured := func(ln net.Listener) net.Listener {
		return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
	}
	serve := func(srv *http.Server, ln net.Listener, how client, pause pause) func(script) ([]byte, error) {
		go srv.Serve(ln)
		t.Cleanup(func() { srv.Close() })
		return func(pieces script) ([]byte, error) {
			return runScript(ln.Addr().String(), how, pieces, pause)
		}
	}
	for _, secure := range []bool{false, true} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: exactHandler, ErrorLog: quiet}
		if secure {
			s.stdTLS = serve(srv, secured(ln), withTLS, func(send func()) { send() })
		} else {
			s.std = serve(srv, ln, plain, func(send func()) { send() })
		}
	}
	for name, c := range map[string]struct {
		grace  time.Duration
		client client
	}{
		"at every chance":                           {0, plain},
		"after a moment":                            {time.Millisecond, plain},
		"at every chance, with TLS":                 {0, withTLS},
		"after a moment, with TLS":                  {time.Millisecond, withTLS},
		"at every chance, with TLS's records split": {0, withSplitTLS},
		"after a moment, with TLS's records split":  {time.Millisecond, withSplitTLS},
	} {
		ln, err := listener.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if c.client != plain {
			ln = secured(ln)
		}
		srv := &http.Server{Handler: exactHandler, ErrorLog: quiet}
		if ln, err = listener.Park(srv, ln, listener.Grace(c.grace)); err != nil {
			t.Fatal(err)
		}
		p := ln.(*listener.ParkListener)
		s.listeners[name] = p
		// A tick is a millisecond, and the grace period is over after two. A
		// request that is incomplete never gets parked: don't wait for long.
		s.parks[name] = serve(srv, ln, c.client, func(send func()) {
			limit := (2*time.Millisecond + 2*c.grace) * time.Duration(s.slack.Load())
			before := p.Stats()
			send()
			spin(limit, func() bool { // until what was sent is noticed
				now := p.Stats()
				return now.Parks > before.Parks || before.Silent+before.Parked > 0 && now.Silent+now.Parked == 0
			})
			spin(limit, func() bool { return p.Stats().Parked > 0 })
		})
	}
	return s
}

// spin waits until done returns true, but no longer than limit.
func spin(limit time.Duration, done func() bool) {
	for until := time.Now().Add(limit); !done() && time.Now().Before(until); {
		time.Sleep(100 * time.Microsecond) // there is no event for it
	}
}

// pause calls send, which sends something, and waits for as long as it takes
// the connection to be parked after it.
type pause func(send func())

// client says how a script reaches the server.
type client int

const (
	plain client = iota
	withTLS
	withSplitTLS // each record in two pieces, with time for parking in between
)

// A splitConn sends what it is given in two pieces.
type splitConn struct {
	net.Conn
	pause pause
	split bool // true after the handshake
	sent  int
}

func (c *splitConn) Write(b []byte) (int, error) {
	if !c.split || len(b) < 2 {
		return c.Conn.Write(b)
	}
	at := 1 + c.sent%(len(b)-1) // anywhere
	c.sent += len(b)
	c.pause(func() { c.Conn.Write(b[:at]) }) // if that fails so does the other half
	n, err := c.Conn.Write(b[at:])
	return at + n, err
}

// runScript sends the pieces and returns all that the server answers.
func runScript(addr string, how client, pieces script, pause pause) ([]byte, error) {
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(time.Minute))
	c := raw.(interface {
		net.Conn
		CloseWrite() error
	})
	if how != plain {
		split := &splitConn{Conn: raw, pause: pause}
		secure := tls.Client(split, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err := secure.Handshake(); err != nil {
			return nil, err
		}
		split.split = how == withSplitTLS
		c = secure
	}
	answers := make(chan []byte)
	go func() {
		got, err := io.ReadAll(c)
		if err != nil {
			got = fmt.Appendf(got, "[%v]", err)
		}
		answers <- got
	}()
	pause(func() {}) // the server has never seen anything
	for _, p := range pieces {
		var err error
		pause(func() { _, err = c.Write(p) })
		if err != nil {
			raw.Close()
			return <-answers, err
		}
	}
	if !endsByItself(pieces) {
		c.CloseWrite()
	}
	return <-answers, nil
}

// endsByItself reports whether the server closes after the last request. The
// client then sends nothing more: what the server has not read resets the
// connection, and with bad luck the answer is lost, on any listener.
func endsByItself(pieces script) bool {
	stream := string(bytes.Join(pieces, nil))
	return slices.ContainsFunc(exactLast[1:5], func(last string) bool { return strings.HasSuffix(stream, last) })
}

func (s *exactServers) check(t *testing.T, pieces script) {
	t.Helper()
	whole := script{bytes.Join(pieces, nil)}
	want, err := s.std(whole)
	if err != nil {
		t.Fatal(err)
	}
	wantTLS, err := s.stdTLS(whole)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for name, run := range s.parks {
		all.Go(func() {
			want := want
			if strings.Contains(name, "TLS") {
				want = wantTLS
			}
			got, err := run(pieces)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("parked %s: %q\ngot  %q, %v\nwant %q", name, pieces, got, err, want)
			}
		})
	}
	all.Wait()
}

// Requests of all kinds, for scripts.
var exactRequests = []string{
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
	"POST /4096 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nall of it",
	"PUT /8192 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nT: v\r\n\r\n",
	"POST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n\r\n", // some clients do
	"HEAD /4097 HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /4095 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
}

// Last requests, after which the server closes.
var exactLast = []string{
	"", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
	"BAD\r\n", "GET / HTTP/1.1\r\n\r\n", "GE", "POST /9 HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nshort",
}

// Pipelined requests, split at every position, with time for parking there, are
// answered as over std's listener.
func TestParkSplitAnywhere(t *testing.T) {
	s := newExactServers(t)
	streams := []string{
		exactRequests[0] + exactRequests[3] + exactRequests[0],
		exactRequests[4] + exactRequests[2],
		exactRequests[5] + exactRequests[0] + exactLast[1],
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	scripts := 0
	check := func(pieces script) {
		s.check(t, pieces)
		scripts++
		for _, p := range s.listeners {
			if p.Stats().Parks < uint64(scripts)/5 { // the machine is busy
				s.slack.Store(min(2*s.slack.Load(), 64))
			}
		}
	}
	for _, stream := range streams {
		for at := 1; at < len(stream); at += step {
			check(script{[]byte(stream[:at]), []byte(stream[at:])})
		}
	}
	// The first three bytes of a request, pipelined behind another.
	first, second := exactRequests[0], exactRequests[3]
	for n := 1; n <= 4; n++ {
		for m := n; m <= 4; m++ {
			check(script{[]byte(first + second[:n]), []byte(second[n:m]), []byte(second[m:])})
		}
	}
	// Two of three streams leave the connection open, and some splits are
	// between requests.
	for name, p := range s.listeners {
		n := p.Stats().Parks
		t.Logf("parked %s: %d times in %d scripts", name, n, scripts)
		if n < uint64(scripts)/10 {
			t.Errorf("parked %s: %d times in %d scripts", name, n, scripts)
		}
	}
}

// Whatever the client sends, and however it splits it, the answers are the same
// as over std's listener.
func FuzzPark(f *testing.F) {
	f.Add([]byte{0}, []byte{1})
	f.Add([]byte{0, 3, 0, 3}, []byte{43, 1, 1, 200})
	f.Add([]byte{2, 2, 4, 0, 5, 0, 9}, []byte{3, 50, 0, 3, 0, 0, 7})
	f.Add([]byte{7, 6, 1, 0, 12}, []byte{255, 1, 1, 1})
	s := newExactServers(f)
	f.Fuzz(func(t *testing.T, requests, splits []byte) {
		if len(requests) > 12 || len(splits) > 12 {
			t.Skip("more of the same")
		}
		var stream []byte
		for i, r := range requests {
			all := exactRequests
			if i == len(requests)-1 {
				all = append(exactLast, exactRequests...)
			}
			stream = append(stream, all[int(r)%len(all)]...)
		}
		var pieces script
		for _, n := range splits {
			if at := int(n); at > 0 && at < len(stream) {
				pieces = append(pieces, stream[:at])
				stream = stream[at:]
			}
		}
		s.check(t, append(pieces, stream))
	})
}
