package listener_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"
)

// serveProxy puts a ReverseProxy in front of backend. Its way there is through
// our Dialer too.
func serveProxy(t *testing.T, backend *server) *server {
	t.Helper()
	target, err := url.Parse(backend.url)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, &http.Server{Handler: &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
		Transport:     backend.transport(),
		FlushInterval: -1,
	}})
}

func TestReverseProxyLargeBodies(t *testing.T) {
	large := largeSize(true)
	testLargeBodies(t, serveProxy(t, serve(t, &http.Server{Handler: largeHandler(t, large)})), large)
}

func TestReverseProxyManyClients(t *testing.T) {
	const clients, requests = 50, 20
	proxy := serveProxy(t, serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Forwarded-For"); got != "127.0.0.1" {
			t.Errorf("X-Forwarded-For is %q", got)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Write(body)
	})}))
	proxy.client.Timeout = time.Minute
	// The proxy has a request's body in full before it sends it on. Otherwise two
	// parts of package net/http may get into each other's way on a busy machine,
	// over package net too: the Transport looks for more behind the end of a body
	// that it has sent, which is an error once the Server has closed that body,
	// since there is an answer; the Transport then breaks off that answer.
	rp := proxy.Handler.(*httputil.ReverseProxy)
	onward := rp.Rewrite
	rp.Rewrite = func(r *httputil.ProxyRequest) {
		body, err := io.ReadAll(r.In.Body)
		if err != nil {
			t.Error(err)
		}
		onward(r)
		r.Out.Body = io.NopCloser(bytes.NewReader(body))
	}
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range requests {
				sent, err := io.ReadAll(content(uint64(client), int64(1+1000*i)))
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := proxy.client.Post(proxy.url, "", bytes.NewReader(sent))
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || !bytes.Equal(got, sent) {
					t.Errorf("%d of %d bytes came back, or changed: %v", len(got), len(sent), err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A connection that both ends have taken out of HTTP goes through the proxy in
// both directions, half-close included.
func TestReverseProxyUpgrade(t *testing.T) {
	proxy := serveProxy(t, serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
		for {
			line, err := rw.ReadBytes('\n')
			if err != nil {
				return
			}
			c.Write(bytes.ToUpper(line))
		}
	})}))
	c := proxy.dial(t)
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: shout\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the proxy answered %s", resp.Status)
	}
	for i := range 100 {
		fmt.Fprintf(c, "line %d\n", i)
		got, err := r.ReadString('\n')
		if want := fmt.Sprintf("LINE %d\n", i); err != nil || got != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("after the last line: %q, %v", rest, err)
	}
}

// When the backend dies in the middle of an answer the proxy's client notices.
func TestReverseProxyBrokenBackend(t *testing.T) {
	backend := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, "only this")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})})
	proxy := serveProxy(t, backend)
	proxy.Handler.(*httputil.ReverseProxy).ErrorLog = quiet
	resp, err := proxy.client.Get(proxy.url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a broken answer arrived without an error: %q", got)
	}
}
