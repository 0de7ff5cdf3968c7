package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// eventReader reads a stream of server-sent events.
type eventReader struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Reader
}

// events opens a stream and reads what comes before the first event.
func (s *testSite) events() *eventReader {
	s.t.Helper()
	response, err := s.client.Get(s.url + "/events")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { response.Body.Close() })
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/event-stream" {
		s.t.Fatalf("%s, %s", response.Status, got)
	}
	r := &eventReader{s.t, response, bufio.NewReader(response.Body)}
	if retry := r.line(); retry != "retry: 2000" || r.line() != "" {
		s.t.Fatalf("the stream begins with %q", retry)
	}
	return r
}

func (r *eventReader) line() string {
	r.t.Helper()
	line, err := r.lines.ReadString('\n')
	if err != nil {
		r.t.Fatalf("line %q: %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// read returns the next event.
func (r *eventReader) read() (event, data string) {
	r.t.Helper()
	event, named := strings.CutPrefix(r.line(), "event: ")
	data, filled := strings.CutPrefix(r.line(), "data: ")
	if end := r.line(); !named || !filled || end != "" {
		r.t.Fatalf("malformed event %q, %q, %q", event, data, end)
	}
	return event, data
}

// next skips to the next event of a kind and returns its data.
func (r *eventReader) next(kind string) string {
	r.t.Helper()
	const many = 1000 // a busy machine may be as many samples behind
	for range many {
		if event, data := r.read(); event == kind {
			return data
		}
	}
	r.t.Fatalf("no %s among %d events", kind, many)
	return ""
}

// untilBye reads the goodbye and that nothing follows.
func (r *eventReader) untilBye() {
	r.t.Helper()
	r.next("bye")
	if rest, err := io.ReadAll(r.lines); err != nil || len(rest) != 0 {
		r.t.Errorf("after the goodbye: %q, %v", rest, err)
	}
}

func TestEvents(t *testing.T) {
	sites(t, func(t *testing.T, s *testSite) {
		events := s.events()
		event, data := events.read()
		var history []point
		if err := json.Unmarshal([]byte(data), &history); event != "history" || err != nil || len(history) == 0 {
			t.Fatalf("first event %s: %s (%v)", event, data, err)
		}

		// On a busy machine some samples come late, and those after them the
		// sooner: half of them are right, or the interval is not.
		var before sample
		const samples = 11
		right := 0
		for i := range samples {
			event, data := events.read()
			var now sample
			if err := json.Unmarshal([]byte(data), &now); event != "sample" || err != nil {
				t.Fatalf("event %s: %s (%v)", event, data, err)
			}
			if i == 0 {
				if last := history[len(history)-1]; now.Time.Before(last.Time) {
					t.Errorf("the first sample, of %v, is older than the history's last point, of %v", now.Time, last.Time)
				}
			} else if gap := now.Time.Sub(before.Time); gap <= 0 {
				t.Errorf("samples are %v apart", gap)
			} else if gap >= sampleInterval/4 && gap <= 4*sampleInterval {
				right++
			}
			before = now
		}
		if right < samples/2 {
			t.Errorf("of %d samples only %d are about %v apart", samples, right, sampleInterval)
		}
		if before.Connections < 1 || before.Goroutines < 1 || before.HeapBytes == 0 || before.StackBytes == 0 ||
			before.Requests < 1 || before.Uptime <= 0 {
			t.Errorf("a figure is missing in %+v", before)
		}
	})
}

func TestEventsReachSeveralViewers(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	began := time.Now()
	var viewers []*eventReader
	for range 20 {
		viewers = append(viewers, s.events())
	}
	for _, v := range viewers {
		v.next("sample")
	}
	seen := make(map[string]int)
	for _, v := range viewers {
		seen[v.next("sample")]++
	}
	// There is one at each interval, and no viewer has any of its own.
	if took := time.Since(began); len(seen) > 2+int(took/sampleInterval) {
		t.Errorf("20 viewers saw %d different samples within %v", len(seen), took)
	}
	s.interrupts <- os.Interrupt
	s.expectLine(`(draining \d+ connections), `)
	for _, v := range viewers {
		v.untilBye()
	}
}

func TestEventsEndWithTheViewer(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	viewer := s.events()
	viewer.response.Body.Close()
	for other := s.events(); ; {
		var now sample
		if err := json.Unmarshal([]byte(other.next("sample")), &now); err != nil {
			t.Fatal(err)
		}
		if now.Connections == 1 {
			return
		}
	}
}

func TestEventsRefuseTooManyViewers(t *testing.T) {
	f := newFeed()
	for range maxViewers {
		if !f.join() {
			t.Fatal("refused too early")
		}
	}
	refused := httptest.NewRecorder()
	events(f)(refused, httptest.NewRequest("GET", "/events", nil))
	if refused.Code != 503 || refused.Header().Get("Retry-After") == "" {
		t.Errorf("one viewer too many got %d, %v", refused.Code, refused.Header())
	}
	f.leave()
	if !f.join() {
		t.Error("a place that became free isn't given away")
	}
}

// deafWriter is a viewer's connection that takes nothing more, and notes
// whether it was written to without a deadline.
type deafWriter struct {
	header    http.Header
	deadline  time.Time
	unbounded bool
}

func (w *deafWriter) Header() http.Header { return w.header }

func (w *deafWriter) WriteHeader(int) {}

func (w *deafWriter) SetWriteDeadline(t time.Time) error {
	w.deadline = t
	return nil
}

func (w *deafWriter) Write(p []byte) (int, error) {
	if !w.deadline.After(time.Now()) {
		w.unbounded = true
	}
	return 0, os.ErrDeadlineExceeded
}

func TestEventsGiveUpOnADeafViewer(t *testing.T) {
	f := newFeed()
	w := &deafWriter{header: make(http.Header)}
	events(f)(w, httptest.NewRequest("GET", "/events", nil))
	if w.unbounded {
		t.Error("written to without a deadline")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.viewers != 0 {
		t.Errorf("%d viewers left", f.viewers)
	}
}
