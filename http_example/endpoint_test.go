package main

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestHello(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"-std=false": "Hello from net/http on moor's listener.\n",
		"-std":       "Hello from net/http on the standard library's listener.\n",
	} {
		if _, body := startSite(t, arg).get("/hello"); body != want {
			t.Errorf("%s: %q", arg, body)
		}
	}
}

func TestBytes(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		for _, n := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 10*chunkSize + 5} {
			path := "/bytes?n=" + strconv.Itoa(n)
			response, body := s.get(path)
			if response.StatusCode != 200 || response.ContentLength != int64(n) || len(body) != n {
				t.Errorf("%s: %s, announced %d, sent %d", path, response.Status, response.ContentLength, len(body))
			}
			if want := strings.Repeat("0123456789abcdef", n/16+1)[:n]; body != want {
				t.Errorf("%s: contents differ", path)
			}
		}
		response, body := s.do("HEAD", "/bytes?n=1000", nil)
		if response.StatusCode != 200 || response.ContentLength != 1000 || body != "" {
			t.Errorf("HEAD: %s, announced %d, sent %q", response.Status, response.ContentLength, body)
		}
	})
}

func TestBytesRefusesOtherNumbers(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	for _, query := range []string{"", "?n=", "?n=-1", "?n=ten", "?n=1.5", "?n=1e3", "?n=" + strconv.Itoa(maxBytes+1),
		"?n=99999999999999999999", "?m=3"} {
		response, body := s.get("/bytes" + query)
		if response.StatusCode != 400 || !strings.Contains(body, "from 0 to 67108864") {
			t.Errorf("/bytes%s: %s: %s", query, response.Status, body)
		}
	}
}

// echoExchange is a request to /echo whose body is still being written.
type echoExchange struct {
	t    *testing.T
	body *io.PipeWriter
	back io.ReadCloser
}

// echo begins such a request.
func (s *testSite) echo() *echoExchange {
	s.t.Helper()
	sent, body := io.Pipe()
	request, err := http.NewRequest("POST", s.url+"/echo", sent)
	if err != nil {
		s.t.Fatal(err)
	}
	// The answer begins with the first piece, so it has to be on its way.
	go io.WriteString(body, "\n")
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { body.Close(); response.Body.Close() })
	e := &echoExchange{s.t, body, response.Body}
	e.expect("\n")
	return e
}

// exchange sends text and reads it back, while the request goes on.
func (e *echoExchange) exchange(text string) {
	e.t.Helper()
	if _, err := io.WriteString(e.body, text); err != nil {
		e.t.Fatal(err)
	}
	e.expect(text)
}

func (e *echoExchange) expect(text string) {
	e.t.Helper()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(e.back, got); err != nil || string(got) != text {
		e.t.Fatalf("read back %q (%v), want %q", got, err, text)
	}
}

// finish ends the request and reads the end of the answer.
func (e *echoExchange) finish() {
	e.t.Helper()
	e.body.Close()
	if rest, err := io.ReadAll(e.back); err != nil || len(rest) != 0 {
		e.t.Errorf("at the end: %q, %v", rest, err)
	}
}

// expectCut expects the answer to be cut off.
func (e *echoExchange) expectCut() {
	e.t.Helper()
	if rest, err := io.ReadAll(e.back); err == nil {
		e.t.Errorf("the answer ends as if complete, after %q", rest)
	}
}

func TestEchoStreams(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		e := s.echo()
		for _, text := range []string{"one", "two", strings.Repeat("three", chunkSize)} {
			go io.WriteString(e.body, text)
			e.expect(text)
		}
		e.finish()
	})
}

func TestEchoSendsBackWhatItGot(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		for _, size := range []int{0, 1, 5 << 20} {
			sent := bytes.Repeat([]byte("<b>\x00\xff"), size/5+1)[:size]
			response, got := s.do("PUT", "/echo", bytes.NewReader(sent))
			if response.StatusCode != 200 || got != string(sent) {
				t.Errorf("%d bytes: %s, %d came back", size, response.Status, len(got))
			}
			if kind := response.Header.Get("Content-Type"); kind != "application/octet-stream" {
				t.Errorf("content type %q lets a browser interpret it", kind)
			}
		}
	})
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestEchoRefusesABodyThatIsTooLong(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	request, err := http.NewRequest("POST", s.url+"/echo", io.LimitReader(zeros{}, maxEcho+1))
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = maxEcho + 1
	request.Header.Set("Expect", "100-continue") // as curl does, so that nothing is sent in vain
	s.client.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != 413 || !strings.Contains(string(body), "16777216") {
		t.Errorf("%s: %s", response.Status, body)
	}
}

func TestEchoBreaksOffWhenABodyOfUnknownLengthIsTooLong(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		response, err := s.client.Post(s.url+"/echo", "", io.LimitReader(zeros{}, maxEcho+1))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if n, err := io.Copy(io.Discard, response.Body); err == nil || n > maxEcho {
			t.Errorf("%d bytes came back, %v", n, err)
		}
	})
}
