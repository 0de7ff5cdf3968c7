package listener_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"
)

const (
	// timeout leaves a busy machine time for a request.
	timeout = 500 * time.Millisecond
	// tardy is what no time-out may take, however busy the machine is.
	tardy = time.Minute
)

// awaitEnd reads until the server closes the connection and returns what came.
// That must take as long as the time-out since start, and not for ever.
func awaitEnd(t *testing.T, c io.Reader, start time.Time) string {
	t.Helper()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d < timeout || d > tardy {
		t.Errorf("the server closed the connection after %v, with a time-out of %v", d, timeout)
	}
	return string(got)
}

func TestReadHeaderTimeout(t *testing.T) {
	t.Parallel()
	s := serve(t, &http.Server{ReadHeaderTimeout: timeout})
	for name, sent := range map[string]string{
		"nothing": "",
		"line":    "GET / HTTP/1.1\r\n",
		"headers": "GET / HTTP/1.1\r\nHost: timeout\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			c := s.dial(t)
			fmt.Fprint(c, sent)
			if got := awaitEnd(t, c, start); got != "" {
				t.Errorf("the server answered %q", got)
			}
		})
	}
}

func TestReadTimeoutInBody(t *testing.T) {
	t.Parallel()
	read := make(chan error, 1)
	s := serve(t, &http.Server{
		ReadTimeout: timeout,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			read <- err
		}),
	})
	start := time.Now()
	c := s.dial(t)
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: timeout\r\nContent-Length: 10\r\n\r\npart")
	if err := <-read; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the handler's Read returned %v", err)
	}
	awaitEnd(t, c, start)
}

func TestWriteTimeout(t *testing.T) {
	t.Parallel()
	written := make(chan error, 1)
	s := serve(t, &http.Server{
		WriteTimeout: timeout,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(w, content(1, 1<<30)) // more than buffers take
			written <- err
		}),
	})
	start := time.Now()
	c := s.dial(t)
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: timeout\r\n\r\n")
	if err := <-written; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the handler's Write returned %v", err)
	}
	if d := time.Since(start); d < timeout || d > tardy {
		t.Errorf("the handler's Write returned after %v, with a time-out of %v", d, timeout)
	}
}

func TestIdleTimeout(t *testing.T) {
	t.Parallel()
	s := serve(t, &http.Server{
		IdleTimeout: timeout,
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}),
	})
	c := s.dial(t)
	r := bufio.NewReader(c)
	var idle time.Time
	for range 3 {
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: timeout\r\n\r\n")
		idle = time.Now() // at the latest
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if got := awaitEnd(t, r, idle); got != "" {
		t.Errorf("the server said %q", got)
	}
}

// What a handler sets for its own request is gone with the next one.
func TestHandlerDeadlines(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 2)
	s := serve(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		switch r.URL.Path {
		case "/read":
			rc.SetReadDeadline(time.Now().Add(timeout))
			_, err := io.ReadAll(r.Body)
			failed <- err
		case "/write":
			rc.SetWriteDeadline(time.Now().Add(timeout))
			_, err := io.Copy(w, content(1, 1<<30))
			failed <- err
		case "/harmless":
			rc.SetReadDeadline(time.Now().Add(timeout))
			rc.SetWriteDeadline(time.Now().Add(timeout))
		case "/late":
			time.Sleep(2 * timeout) // the point is that nothing happens meanwhile
			fmt.Fprint(w, "in time")
		}
	})})
	for path, request := range map[string]string{
		"/read":  "POST /read HTTP/1.1\r\nHost: timeout\r\nContent-Length: 10\r\n\r\npart",
		"/write": "GET /write HTTP/1.1\r\nHost: timeout\r\n\r\n",
	} {
		t.Run(path[1:], func(t *testing.T) {
			start := time.Now()
			c := s.dial(t)
			fmt.Fprint(c, request)
			if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the handler got %v", err)
			}
			if d := time.Since(start); d < timeout || d > tardy {
				t.Errorf("the deadline came after %v instead of %v", d, timeout)
			}
		})
	}
	t.Run("next", func(t *testing.T) {
		for _, path := range []string{"/harmless", "/late"} {
			resp, err := s.client.Get(s.url + path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || path == "/late" && string(got) != "in time" {
				t.Errorf("%s: got %q, %v", path, got, err)
			}
		}
	})
}
