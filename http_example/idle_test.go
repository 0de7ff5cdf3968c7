package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// until returns the first sample that holds, which is to come within a minute.
func (s *testSite) until(what string, holds func(sample) bool) sample {
	s.t.Helper()
	viewer := s.events()
	defer viewer.response.Body.Close()
	var now sample
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if err := json.Unmarshal([]byte(viewer.next("sample")), &now); err != nil {
			s.t.Fatal(err)
		}
		if holds(now) {
			return now
		}
	}
	s.t.Fatalf("not seen: %s; the last sample is %+v", what, now)
	return sample{}
}

// post sends a POST and expects a status. It returns the body.
func (s *testSite) post(path string, status int) string {
	s.t.Helper()
	response, body := s.do("POST", path, nil)
	if response.StatusCode != status {
		s.t.Fatalf("POST %s: %s, want %d: %s", path, response.Status, status, body)
	}
	return body
}

func (s *testSite) postIdle(path string) (answer idleAnswer) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.post(path, 200)), &answer); err != nil {
		s.t.Fatal(err)
	}
	return answer
}

// flagSites runs f with parking, plain and on TLS, without it, and on std.
func flagSites(t *testing.T, f func(t *testing.T, s *testSite, parking bool)) {
	t.Parallel()
	for _, args := range [][]string{nil, {"-park=false"}, {"-std"}, {"-tls"}} {
		name := strings.Join(args, "")
		t.Run("flags:"+name, func(t *testing.T) {
			t.Parallel()
			parking := !strings.Contains(name, "-std") && !strings.Contains(name, "-park=false")
			f(t, startSite(t, args...), parking)
		})
	}
}

func TestIdleConnections(t *testing.T) {
	flagSites(t, func(t *testing.T, s *testSite, parking bool) {
		const n = 150
		if got := s.postIdle(fmt.Sprintf("/idle/open?n=%d", n)); got.Opened != n || got.Held != n || got.Seconds <= 0 {
			t.Errorf("opening answers %+v", got)
		}
		if got := s.postIdle("/idle/open?n=100"); got.Opened != 100 || got.Held != n+100 {
			t.Errorf("opening more answers %+v", got)
		}
		now := s.until("connections, parked if they can be", func(now sample) bool {
			// The first sample that a viewer gets may be older than its connection.
			return now.IdleHeld == n+100 && now.Connections >= n+100 && (now.Parked >= n+100) == parking && now.Active >= 1
		})
		if now.Requests < n+100 || now.Parking != parking {
			t.Errorf("with connections open: %+v", now)
		}
		// The viewer's is active, and maybe another of the test's client.
		if parking && now.Active > 4 || !parking && (now.Parked != 0 || now.Active != now.Connections) {
			t.Errorf("%d open, %d parked, %d active", now.Connections, now.Parked, now.Active)
		}
		if got := s.postIdle("/idle/close"); got.Closed != n+100 || got.Held != 0 {
			t.Errorf("closing answers %+v", got)
		}
		s.until("no connections left", func(now sample) bool {
			return now.Connections < 5 && now.Parked < 5 && now.IdleHeld == 0
		})
		if got := s.postIdle("/idle/close"); got.Closed != 0 || got.Held != 0 {
			t.Errorf("closing none answers %+v", got)
		}
	})
}

// TestParkedConnectionIsServedAgain is about a client's own connection.
func TestParkedConnectionIsServedAgain(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	exchange := func(request, rest, want string, meanwhile func()) {
		t.Helper()
		io.WriteString(conn, request)
		meanwhile()
		io.WriteString(conn, rest)
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(response.Body); err != nil || !strings.HasPrefix(string(body), want) {
			t.Fatalf("%q, %v", body, err)
		}
	}
	parked := func() {
		t.Helper()
		s.until("the connection parked, the viewer active", func(now sample) bool { return now.Parked == 1 && now.Active == 1 })
	}
	exchange("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", "", "Hello", func() {})
	parked()
	exchange("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", "cde", "abcde", func() {
		s.until("both active", func(now sample) bool { return now.Parked == 0 && now.Active == 2 })
	})
	parked()
}

func TestDrainClosesParkedConnections(t *testing.T) {
	flagSites(t, func(t *testing.T, s *testSite, parking bool) {
		s.postIdle("/idle/open?n=100")
		if parking {
			s.until("parked connections", func(now sample) bool { return now.Parked >= 100 })
		}
		s.interrupts <- os.Interrupt
		s.expectLine(`(draining 10[0-9] connections), `)
		s.expectLine(`(drained in) `) // and not: not drained within
		if status := s.wait(); status != 0 || s.stderr.Len() != 0 {
			t.Errorf("status %d, stderr %q", status, &s.stderr)
		}
	})
}

func TestIdleRefuses(t *testing.T) {
	t.Parallel()
	s := startSite(t, "-std")
	for _, query := range []string{"", "?n=", "?n=99", "?n=5001", "?n=-100", "?n=many", "?n=1e3", "?n=99999999999999999999"} {
		if body := s.post("/idle/open"+query, 400); !strings.Contains(body, "from 100 to 5000") {
			t.Errorf("%q: %s", query, body)
		}
	}
	s.postIdle("/idle/open?n=100")
	if body := s.post("/idle/open?n=5000", 409); !strings.Contains(body, "100 are open and 5000 more would exceed 5000") {
		t.Errorf("too many in all: %s", body)
	}
	for _, path := range []string{"/idle/open?n=100", "/idle/close"} {
		if response, _ := s.get(path); response.StatusCode != 405 || response.Header.Get("Allow") != "POST" {
			t.Errorf("GET %s: %s, allowed is %q", path, response.Status, response.Header.Get("Allow"))
		}
		for header, value := range map[string]string{"Origin": "http://other.test", "Sec-Fetch-Site": "cross-site"} {
			request, err := http.NewRequest("POST", s.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set(header, value)
			response, err := s.client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != 403 {
				t.Errorf("%s with %s %s: %s", path, header, value, response.Status)
			}
		}
	}
	if got := s.postIdle("/idle/close"); got.Closed != 100 {
		t.Errorf("in the end %+v", got)
	}
}

// deafServer accepts connections and never answers. It tells of each.
func deafServer(t *testing.T) (addr string, accepted <-chan net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, mostIdle)
	go func() {
		defer close(conns)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	t.Cleanup(func() {
		ln.Close()
		for conn := range conns {
			conn.Close()
		}
	})
	return ln.Addr().String(), conns
}

func TestIdleOpeningEnds(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr, accepted := deafServer(t)
			client := newIdleClient(addr, nil)
			if secure {
				cert, err := newCertificate("", time.Now())
				if err != nil {
					t.Fatal(err)
				}
				if client.config, err = trusting(cert); err != nil {
					t.Fatal(err)
				}
			}
			opened := make(chan error, 1)
			go func() { opened <- client.open(t.Context(), 200) }()
			first := <-accepted
			defer first.Close()
			if err := client.open(t.Context(), 100); idleStatus(err) != 409 || !strings.Contains(err.Error(), "being opened already") {
				t.Errorf("two at a time: %v", err)
			}
			client.refuse()
			if err := <-opened; idleStatus(err) != 409 || !strings.Contains(err.Error(), "stopping") {
				t.Errorf("ended with %v", err)
			}
			if _, err := io.Copy(io.Discard, first); err != nil { // it was closed
				t.Error(err)
			}
			if err := client.open(t.Context(), 100); idleStatus(err) != 409 {
				t.Errorf("after the end: %v", err)
			}
			if n := client.count(); n != 0 {
				t.Errorf("%d are held", n)
			}
		})
	}
}

func TestIdleOpeningFailsWhole(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	client := newIdleClient(ln.Addr().String(), nil)
	for range 2 { // the first failure leaves nothing behind
		if err := client.open(t.Context(), 100); err == nil || idleStatus(err) != 503 {
			t.Errorf("nobody listens: %v", err)
		}
	}
}

// TestIdleConnectionsExpire lets a batch's time be over.
func TestIdleConnectionsExpire(t *testing.T) {
	t.Parallel()
	const n = 100
	gone := make(chan struct{}, 2*n)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "here")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			gone <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	client := newIdleClient(server.Listener.Addr().String(), nil)
	defer client.close()
	for range 2 {
		if err := client.open(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	client.mu.Lock()
	for batch := range client.batches {
		batch.expiry.Reset(0)
		break
	}
	client.mu.Unlock()
	for range n {
		<-gone
	}
	if held := client.count(); held != n {
		t.Errorf("%d are held when one of two batches of %d is over", held, n)
	}
}
