package listener_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sockerr"
)

// Under load, every request that a handler has seen is answered in full, and
// the others fail only because nobody listens any more.
func TestShutdownUnderLoad(t *testing.T) {
	const clients, before = 64, 2000
	var (
		ids      atomic.Int64
		stopping atomic.Bool
		mu       sync.Mutex
		started  = map[string]bool{}
		answered = map[string]bool{}
		enough   = make(chan struct{})
		held     = make(chan struct{})
		release  = make(chan struct{})
	)
	s := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("id")
		mu.Lock()
		started[id] = true
		if len(started) == before {
			close(enough)
		}
		mu.Unlock()
		if r.URL.Path == "/held" {
			held <- struct{}{}
			<-release
		}
		io.Copy(w, io.MultiReader(r.Body, content(1, 50_000)))
	})})
	want, _, err := digest(content(1, 50_000))
	if err != nil {
		t.Fatal(err)
	}
	// One Transport per client, so that each has connections of its own.
	request := func(client *http.Client, path string) error {
		id := strconv.FormatInt(ids.Add(1), 10)
		resp, err := client.Get(s.url + path + "?id=" + id)
		if err != nil {
			return err
		}
		got, _, err := digest(resp.Body)
		resp.Body.Close()
		if err != nil {
			return fmt.Errorf("in the middle of an answer: %w", err)
		}
		if got != want {
			return errors.New("an answer has changed")
		}
		mu.Lock()
		answered[id] = true
		mu.Unlock()
		return nil
	}
	var wg sync.WaitGroup
	for i := range clients {
		transport := &http.Transport{DialContext: s.dialer().DialContext, DisableKeepAlives: i%4 == 0}
		client := &http.Client{Transport: transport, Timeout: time.Minute}
		wg.Go(func() {
			defer transport.CloseIdleConnections()
			for {
				err := request(client, "/")
				switch {
				case err == nil:
				case sockerr.Refused(err):
					return
				case stopping.Load() && (sockerr.Broken(err) || errors.Is(err, io.EOF)):
					// In the queue of the listener when it closed: nobody
					// has seen that request, which is checked below. The
					// first call on the connection fails with ECONNRESET. If
					// that is the Transport's Read, its Write gets EPIPE.
					return
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	const waiting = 10
	for range waiting {
		wg.Go(func() {
			if err := request(s.client, "/held"); err != nil {
				t.Errorf("a request in its handler during Shutdown: %v", err)
			}
		})
	}
	for range waiting {
		<-held
	}
	<-enough
	stopping.Store(true)
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { ended <- s.Shutdown(ctx) }()
	if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve returned %v", err)
	}
	s.served <- http.ErrServerClosed
	select {
	case err := <-ended:
		t.Errorf("Shutdown returned %v with requests in their handlers", err)
	default:
	}
	if c, err := s.dialer().Dial("tcp", s.addr); !sockerr.Refused(err) {
		t.Errorf("after Shutdown, Dial returned %v, %v", c, err)
	}
	close(release)
	wg.Wait()
	if err := <-ended; err != nil {
		t.Errorf("Shutdown returned %v", err)
	}
	for id := range started {
		if !answered[id] {
			t.Errorf("request %s was in its handler and is not answered", id)
		}
	}
	if len(answered) < before {
		t.Errorf("only %d requests were answered", len(answered))
	}
}

// Shutdown of an HTTP/2 server lets the streams end.
func TestShutdownHTTP2(t *testing.T) {
	const streams = 20
	var arrived sync.WaitGroup
	arrived.Add(streams)
	release := make(chan struct{})
	s, _ := serveTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			return
		}
		arrived.Done()
		<-release
		io.Copy(w, content(1, 200_000))
	}))
	resp, err := s.client.Get(s.url + "/first") // opens the connection that the streams share
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var wg sync.WaitGroup
	for range streams {
		wg.Go(func() {
			resp, err := s.client.Get(s.url)
			if err != nil {
				t.Error(err)
				return
			}
			_, n, err := digest(resp.Body)
			resp.Body.Close()
			if err != nil || n != 200_000 {
				t.Errorf("got %d bytes, %v", n, err)
			}
		})
	}
	arrived.Wait()
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { ended <- s.Shutdown(ctx) }()
	if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve returned %v", err)
	}
	s.served <- http.ErrServerClosed
	close(release)
	wg.Wait()
	if err := <-ended; err != nil {
		t.Errorf("Shutdown returned %v", err)
	}
}
