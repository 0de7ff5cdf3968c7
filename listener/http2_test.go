package listener_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// serveTLS starts a server for handler that speaks TLS, and HTTP/2 with those
// who know it. connections counts what it has accepted.
func serveTLS(t *testing.T, handler http.Handler) (s *server, connections *atomic.Int32) {
	t.Helper()
	connections = new(atomic.Int32)
	s = serve(t, &http.Server{
		Handler:   handler,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate(t)}},
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		},
	})
	return s, connections
}

// All streams of one connection are in their handlers at once.
func TestHTTP2Streams(t *testing.T) {
	const streams = 100
	var arrived sync.WaitGroup
	arrived.Add(streams)
	s, connections := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/first" {
			arrived.Done()
			arrived.Wait()
		}
		fmt.Fprintf(w, "%s %s", r.Proto, r.URL.Path)
	}))
	get := func(path string) {
		resp, err := s.client.Get(s.url + path)
		if err != nil {
			t.Error(err)
			return
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := "HTTP/2.0 " + path; err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	get("/first") // so that there is a connection for the others to share
	var wg sync.WaitGroup
	for i := range streams {
		wg.Go(func() { get("/" + strconv.Itoa(i)) })
	}
	wg.Wait()
	if n := connections.Load(); n != 1 {
		t.Errorf("the streams went over %d connections", n)
	}
}

func TestHTTP2LargeBodies(t *testing.T) {
	large := largeSize(true)
	s, _ := serveTLS(t, largeHandler(t, large))
	testLargeBodies(t, s, large)
}

// What the client sends comes back on the same stream while it goes on sending.
func TestHTTP2BothWays(t *testing.T) {
	s, _ := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Total")
		rc := http.NewResponseController(w)
		rc.Flush()
		total := 0
		buf := make([]byte, 4096)
		for {
			n, err := r.Body.Read(buf)
			total += n
			w.Write(buf[:n])
			rc.Flush()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
		w.Header().Set("Total", strconv.Itoa(total))
	}))
	body, feed := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Errorf("the answer came over %s", resp.Proto)
	}
	total := 0
	for i, size := range []int{1, 100, 4096, 16384, 100_000, 1} {
		sent, err := io.ReadAll(content(uint64(i), int64(size)))
		if err != nil {
			t.Fatal(err)
		}
		go feed.Write(sent)
		got := make([]byte, size)
		if _, err := io.ReadFull(resp.Body, got); err != nil {
			t.Fatalf("message of %d bytes: %v", size, err)
		}
		if !bytes.Equal(got, sent) {
			t.Fatalf("message of %d bytes came back changed", size)
		}
		total += size
	}
	feed.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Fatalf("after the last message: %d bytes, %v", len(rest), err)
	}
	if got, want := resp.Trailer.Get("Total"), strconv.Itoa(total); got != want {
		t.Errorf("trailer %q, want %q", got, want)
	}
}

// A request that is given up ends its handler and leaves the connection to the
// others.
func TestHTTP2Cancel(t *testing.T) {
	ended := make(chan struct{})
	s, connections := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/endless" {
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			close(ended)
		}
	}))
	resp, err := s.client.Get(s.url + "/endless")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	<-ended
	resp, err = s.client.Get(s.url + "/next")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if n := connections.Load(); n != 1 {
		t.Errorf("the requests went over %d connections", n)
	}
}

// HTTP/2 without TLS, as both net/http ends offer it when asked.
func TestHTTP2Unencrypted(t *testing.T) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	s := serve(t, &http.Server{
		Protocols: protocols,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Proto)
		}),
	})
	s.transport().Protocols = protocols
	resp, err := s.client.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(got) != "HTTP/2.0" {
		t.Errorf("got %q, %v", got, err)
	}
}
