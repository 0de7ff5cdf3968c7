package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// testSite is a running program, from inside this process.
type testSite struct {
	t           *testing.T
	url         string // without the last slash
	fingerprint string
	client      *http.Client
	interrupts  chan os.Signal
	cancel      context.CancelFunc // ends the program's context
	stdout      *bufio.Reader
	stderr      bytes.Buffer // to be read after wait
	status      chan int
}

// startSite runs the program on a free port and waits until it serves. It is
// stopped when the test ends, if it hasn't been before.
func startSite(t *testing.T, args ...string) *testSite {
	t.Helper()
	stdout, written := io.Pipe()
	transport := &http.Transport{ForceAttemptHTTP2: true}
	s := &testSite{
		t:          t,
		client:     &http.Client{Transport: transport, Timeout: time.Minute},
		interrupts: make(chan os.Signal, 2),
		stdout:     bufio.NewReader(stdout),
		status:     make(chan int, 1),
	}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	go func() {
		defer written.Close()
		s.status <- run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), written, &s.stderr, s.interrupts)
	}()
	t.Cleanup(func() {
		go io.Copy(io.Discard, s.stdout)
		s.cancel()
		select {
		case s.interrupts <- os.Interrupt: // don't drain
		default: // the test sent all that fit
		}
		s.wait()
		transport.CloseIdleConnections()
	})

	s.url = s.expectLine(`^http_example: serving (https?://\S+)/ on `)
	if strings.HasPrefix(s.url, "https") {
		s.fingerprint = s.expectLine(`SHA-256 ([0-9A-F:]{95})$`)
		transport.TLSClientConfig = &tls.Config{
			InsecureSkipVerify: true, // VerifyConnection compares the fingerprint instead
			VerifyConnection: func(state tls.ConnectionState) error {
				got := fingerprint(tls.Certificate{Certificate: [][]byte{state.PeerCertificates[0].Raw}})
				if got != s.fingerprint {
					return fmt.Errorf("certificate is %s, announced was %s", got, s.fingerprint)
				}
				return nil
			},
		}
	}
	s.expectLine(`^http_example: (Ctrl-C drains)`)
	return s
}

// expectLine reads the next line of standard output and returns what pattern's
// first group matches in it.
func (s *testSite) expectLine(pattern string) string {
	s.t.Helper()
	line, err := s.stdout.ReadString('\n')
	match := regexp.MustCompile(pattern).FindStringSubmatch(strings.TrimSuffix(line, "\n"))
	if match == nil {
		s.t.Fatalf("output %q (%v), want one like %s", line, err, pattern)
	}
	return match[1]
}

// wait returns the exit status.
func (s *testSite) wait() int {
	s.t.Helper()
	select {
	case status := <-s.status:
		s.status <- status // for the next who asks
		return status
	case <-time.After(time.Minute):
		s.t.Fatal("the program does not end")
		return -1
	}
}

// do asks the site and returns the answer with its whole body.
func (s *testSite) do(method, path string, body io.Reader) (*http.Response, string) {
	s.t.Helper()
	request, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(content)
}

func (s *testSite) get(path string) (*http.Response, string) {
	s.t.Helper()
	return s.do("GET", path, nil)
}

// sites runs f on both listeners, with and without TLS.
func sites(t *testing.T, f func(t *testing.T, s *testSite)) {
	t.Helper()
	t.Parallel()
	for _, args := range [][]string{nil, {"-std"}, {"-tls"}, {"-std", "-tls"}} {
		name := "moor"
		if len(args) > 0 {
			name = strings.Join(args, "")
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, startSite(t, args...))
		})
	}
}

func TestSiteAnswers(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		proto := "HTTP/1.1"
		if s.fingerprint != "" {
			proto = "HTTP/2.0"
		}
		for _, path := range []string{"/", "/hello", "/bytes?n=0", "/stats", "/page/main.js"} {
			response, body := s.get(path)
			if response.StatusCode != 200 || response.Proto != proto {
				t.Errorf("%s: %s with %s, want 200 with %s: %s", path, response.Status, response.Proto, proto, body)
			}
			if got := response.Header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("%s: X-Content-Type-Options is %q", path, got)
			}
		}
	})
}

func TestSiteRefuses(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	for _, test := range []struct {
		method, path string
		status       int
		header       string
		value        string
	}{
		{"GET", "/nothing", 404, "", ""},
		{"GET", "/page/", 404, "", ""},
		{"GET", "/page/index.html", 404, "", ""},
		{"GET", "/page/..%2fmain.go", 404, "", ""},
		{"POST", "/", 405, "Allow", "GET, HEAD"},
		{"GET", "/echo", 405, "Allow", "POST, PUT"},
		{"DELETE", "/stats", 405, "Allow", "GET, HEAD"},
	} {
		response, body := s.do(test.method, test.path, nil)
		if response.StatusCode != test.status || response.Header.Get(test.header) != test.value {
			t.Errorf("%s %s: %s, %s %q: %s", test.method, test.path, response.Status,
				test.header, response.Header.Get(test.header), body)
		}
	}
}
