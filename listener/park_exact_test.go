package listener_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
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
}

func newExactServers(t testing.TB) *exactServers {
	cert := certificate(t)
	start := func(opts []listener.ParkOption, secure bool) func(script) ([]byte, error) {
		srv := &http.Server{Handler: exactHandler, ErrorLog: quiet}
		var ln net.Listener
		var err error
		if opts == nil {
			ln, err = net.Listen("tcp", "127.0.0.1:0")
		} else {
			ln, err = listener.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			t.Fatal(err)
		}
		if secure {
			ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
		}
		settle := func() {}
		if opts != nil {
			if ln, err = listener.Park(srv, ln, opts...); err != nil {
				t.Fatal(err)
			}
			p := ln.(*listener.ParkListener)
			// A request that is incomplete never gets parked: don't wait long.
			settle = func() {
				for until := time.Now().Add(2 * time.Millisecond); p.Parked() == 0 && time.Now().Before(until); {
					runtime.Gosched()
				}
			}
		}
		go srv.Serve(ln)
		t.Cleanup(func() { srv.Close() })
		return func(pieces script) ([]byte, error) {
			return runScript(ln.Addr().String(), secure, pieces, settle)
		}
	}
	return &exactServers{start(nil, false), start(nil, true), map[string]func(script) ([]byte, error){
		"at every chance":           start([]listener.ParkOption{listener.Grace(0)}, false),
		"after a moment":            start([]listener.ParkOption{listener.Grace(time.Millisecond)}, false),
		"at every chance, with TLS": start([]listener.ParkOption{listener.Grace(0)}, true),
		"after a moment, with TLS":  start([]listener.ParkOption{listener.Grace(time.Millisecond)}, true),
	}}
}

// runScript sends the pieces and returns all that the server answers.
func runScript(addr string, secure bool, pieces script, settle func()) ([]byte, error) {
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(20 * time.Second))
	c := raw.(interface {
		net.Conn
		CloseWrite() error
	})
	if secure {
		c = tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	answers := make(chan []byte)
	go func() {
		got, err := io.ReadAll(c)
		if err != nil {
			got = fmt.Appendf(got, "[%v]", err)
		}
		answers <- got
	}()
	for _, p := range pieces {
		settle()
		if _, err := c.Write(p); err != nil {
			raw.Close()
			return <-answers, err
		}
	}
	settle()
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
	for name, run := range s.parks {
		reference := s.std
		if strings.Contains(name, "TLS") {
			reference = s.stdTLS
		}
		want, err := reference(script{bytes.Join(pieces, nil)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := run(pieces)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("parked %s: %q\ngot  %q, %v\nwant %q", name, pieces, got, err, want)
		}
	}
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
	for _, stream := range streams {
		for at := 1; at < len(stream); at += step {
			s.check(t, script{[]byte(stream[:at]), []byte(stream[at:])})
		}
	}
	// The first three bytes of a request, pipelined behind another.
	first, second := exactRequests[0], exactRequests[3]
	for n := 1; n <= 4; n++ {
		for m := n; m <= 4; m++ {
			s.check(t, script{[]byte(first + second[:n]), []byte(second[n:m]), []byte(second[m:])})
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
