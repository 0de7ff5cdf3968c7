package listener_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestHTTPKeepsConnections(t *testing.T) {
	var accepted atomic.Int32
	s := serve(t, &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "%s %s %s", r.Method, r.RemoteAddr, body)
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				accepted.Add(1)
			}
		},
	})
	var local string
	for i := range 200 {
		trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			if reused := i > 0; info.Reused != reused {
				t.Errorf("request %d: Reused = %v", i, info.Reused)
			}
			local = info.Conn.LocalAddr().String()
		}}
		ctx := httptrace.WithClientTrace(t.Context(), trace)
		req, err := http.NewRequestWithContext(ctx, "POST", s.url, bytes.NewReader([]byte(strconv.Itoa(i))))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := fmt.Sprintf("POST %s %d", local, i); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	if n := accepted.Load(); n != 1 {
		t.Errorf("the server saw %d connections", n)
	}
}

// Each chunk is echoed before the next one is sent.
func TestHTTPChunksBothWays(t *testing.T) {
	s := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Equal(r.TransferEncoding, []string{"chunked"}) {
			t.Errorf("the request's transfer encoding is %q", r.TransferEncoding)
		}
		rc := http.NewResponseController(w)
		if err := rc.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "Total")
		total := 0
		buf := make([]byte, 32<<10)
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
		w.Header().Set("Total", r.Trailer.Get("Total")+"/"+strconv.Itoa(total))
	})})
	body, feed := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Trailer = http.Header{"Total": nil}
	go feed.Write([]byte{0}) // the answer begins with the first chunk
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if !slices.Equal(resp.TransferEncoding, []string{"chunked"}) {
		t.Errorf("the answer's transfer encoding is %q", resp.TransferEncoding)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	total := 1
	for i, size := range []int{1, 2, 3, 15, 16, 17, 4095, 4096, 4097, 65535, 65536, 65537, 300_000, 1} {
		sent, err := io.ReadAll(content(uint64(i), int64(size)))
		if err != nil {
			t.Fatal(err)
		}
		go feed.Write(sent)
		got := make([]byte, size)
		if _, err := io.ReadFull(resp.Body, got); err != nil {
			t.Fatalf("chunk of %d bytes: %v", size, err)
		}
		if !bytes.Equal(got, sent) {
			t.Fatalf("chunk of %d bytes came back changed", size)
		}
		total += size
	}
	req.Trailer.Set("Total", strconv.Itoa(total))
	feed.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Fatalf("after the last chunk: %d bytes, %v", len(rest), err)
	}
	if got, want := resp.Trailer.Get("Total"), fmt.Sprintf("%d/%d", total, total); got != want {
		t.Errorf("trailer %q, want %q", got, want)
	}
}

// largeSize is 100 MiB, in short runs of the dearer protocols a part of it.
func largeSize(dear bool) int64 {
	if dear && testing.Short() {
		return 20 << 20
	}
	return 100 << 20
}

// largeHandler answers a POST with the body's digest, and a GET with content.
func largeHandler(t *testing.T, large int64) http.Handler {
	file := filepath.Join(t.TempDir(), "content")
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		sum, n, err := digest(r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, sum, n)
	})
	mux.HandleFunc("GET /sized", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.FormatInt(large, 10))
		io.Copy(w, content(1, large))
	})
	mux.HandleFunc("GET /chunked", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, content(1, large))
	})
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, file)
	})
	f, err := os.Create(file)
	if err == nil {
		_, err = io.Copy(f, content(1, large))
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return mux
}

func testLargeBodies(t *testing.T, s *server, large int64) {
	want, _, err := digest(content(1, large))
	if err != nil {
		t.Fatal(err)
	}
	for name, length := range map[string]int64{"sized": large, "chunked": -1} {
		t.Run("upload "+name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "POST", s.url, content(1, large))
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			resp, err := s.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(got) != fmt.Sprint(want, large) {
				t.Errorf("the server got %s (%v), want %s", got, err, fmt.Sprint(want, large))
			}
		})
	}
	for _, path := range []string{"/sized", "/chunked", "/file"} {
		t.Run("download "+path[1:], func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "GET", s.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := s.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, n, err := digest(resp.Body)
			resp.Body.Close()
			if err != nil || n != large || got != want {
				t.Errorf("got %d bytes (%v) with checksum %s, want %d with %s", n, err, got, large, want)
			}
		})
	}
}

func TestHTTPLargeBodies(t *testing.T) {
	large := largeSize(false)
	testLargeBodies(t, serve(t, &http.Server{Handler: largeHandler(t, large)}), large)
}

// All clients are connected and in their handlers at once.
func TestHTTPManyClients(t *testing.T) {
	const clients, rounds = 1000, 3
	var arrived [rounds]sync.WaitGroup
	for i := range arrived {
		arrived[i].Add(clients)
	}
	s := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		round, err := strconv.Atoi(r.URL.Query().Get("round"))
		if err != nil {
			t.Error(err)
			return
		}
		arrived[round].Done()
		arrived[round].Wait()
		io.Copy(w, r.Body)
	})})
	s.client.Timeout = time.Minute
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for round := range rounds {
				text := fmt.Sprintf("client %d in round %d", client, round)
				resp, err := s.client.Post(s.url+"/?round="+strconv.Itoa(round), "text/plain", bytes.NewReader([]byte(text)))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || string(got) != text {
					t.Errorf("got %q, %v; want %q", got, err, text)
					return
				}
			}
		})
	}
	wg.Wait()
}
