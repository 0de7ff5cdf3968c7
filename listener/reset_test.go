package listener_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sockerr"
	"github.com/moor-net/moor/listener"
)

func reset(c *conn.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

// Clients that reset their connection at any moment harm no other client, and
// their handlers learn of it.
func TestClientResets(t *testing.T) {
	const rounds = 50
	type report struct {
		stage string
		err   error
	}
	reports := make(chan report)
	started := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ordinary", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, content(1, 10_000))
	})
	mux.HandleFunc("/body", func(w http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		_, err := io.Copy(io.Discard, r.Body)
		reports <- report{"body", err}
	})
	mux.HandleFunc("/handler", func(w http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		<-r.Context().Done()
		reports <- report{"handler", nil} // its context tells no more
	})
	mux.HandleFunc("/answer", func(w http.ResponseWriter, r *http.Request) {
		started <- struct{}{}
		_, err := io.Copy(w, content(1, 1<<30))
		reports <- report{"answer", err}
	})
	s := serve(t, &http.Server{Handler: mux, ErrorLog: quiet})

	stop := make(chan struct{})
	var ordinary sync.WaitGroup
	for range 4 {
		ordinary.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp, err := s.client.Get(s.url + "/ordinary")
				if err != nil {
					t.Errorf("an ordinary request: %v", err)
					return
				}
				_, n, err := digest(resp.Body)
				resp.Body.Close()
				if err != nil || n != 10_000 {
					t.Errorf("an ordinary answer: %d bytes, %v", n, err)
					return
				}
			}
		})
	}

	for _, sent := range []string{"", "G", "GET /ordinary HTTP/1.1\r\n", "GET /ordinary HTTP/1.1\r\nHost: reset\r\nX: y", "GET /ordinary HTTP/1.1\r\nHost: reset\r\n\r\n"} {
		for range rounds {
			c := s.dial(t)
			io.WriteString(c, sent)
			reset(c)
		}
	}
	for stage, sent := range map[string]string{
		"body":    "POST /body HTTP/1.1\r\nHost: reset\r\nContent-Length: 1000\r\n\r\npart",
		"handler": "GET /handler HTTP/1.1\r\nHost: reset\r\n\r\n",
		"answer":  "GET /answer HTTP/1.1\r\nHost: reset\r\n\r\n",
	} {
		for i := range rounds {
			c := s.dial(t)
			io.WriteString(c, sent)
			<-started
			if stage == "answer" && i%2 == 0 {
				if _, err := io.ReadFull(c, make([]byte, 100_000)); err != nil {
					t.Error(err)
				}
			}
			reset(c)
			r := <-reports
			if r.stage != stage || stage != "handler" && !sockerr.Broken(r.err) {
				t.Errorf("a reset during the %s: %s ended with %v", stage, r.stage, r.err)
			}
		}
	}
	// The same with a chunked body.
	c := s.dial(t)
	io.WriteString(c, "POST /body HTTP/1.1\r\nHost: reset\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n10\r\npar")
	<-started
	reset(c)
	if r := <-reports; !sockerr.Reset(r.err) {
		t.Errorf("a reset during a chunk ended with %v", r.err)
	}
	close(stop)
	ordinary.Wait()
}

// A server that resets the connection at any moment gives the client the error,
// and the next request is not harmed.
func TestServerResets(t *testing.T) {
	stages := []string{
		"",
		"HTTP/1.1 2",                    // net/http calls it malformed
		"HTTP/1.1 200 OK\r\nContent-Le", // this too
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n10\r\npar",
		"HTTP/1.1 200 OK\r\n\r\nuntil the end",
	}
	rt := newRuntime(t)
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	transport := &http.Transport{DialContext: (&conn.Dialer{Runtime: rt}).DialContext}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	serveOne := func(answer string, end func(*conn.TCPConn)) error {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		defer c.Close()
		req, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return err
		}
		req.Body.Close()
		if _, err = io.WriteString(c, answer); err == nil {
			end(c.(*conn.TCPConn))
		}
		return err
	}
	get := func() (string, error) {
		resp, err := client.Get("http://" + ln.Addr().String())
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		return string(got), err
	}
	for _, stage := range stages {
		t.Run(fmt.Sprintf("after %d bytes", len(stage)), func(t *testing.T) {
			for range 20 {
				served := make(chan error, 1)
				go func() { served <- serveOne(stage, reset) }()
				got, err := get()
				if !sockerr.Reset(err) && (err == nil || !strings.Contains(err.Error(), "malformed")) {
					t.Errorf("got %q, %v", got, err)
				}
				if err := <-served; err != nil {
					t.Fatal(err)
				}
			}
			served := make(chan error, 1)
			go func() {
				served <- serveOne("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwell", func(*conn.TCPConn) {})
			}()
			if got, err := get(); err != nil || got != "well" {
				t.Errorf("the request after the resets: %q, %v", got, err)
			}
			if err := <-served; err != nil {
				t.Fatal(err)
			}
		})
	}
}
