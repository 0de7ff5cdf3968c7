package metrics_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moor-net/moor/runtime"
	"github.com/moor-net/moor/runtime/metrics"
)

func start(t *testing.T, loops int) *runtime.Runtime {
	t.Helper()
	rt, err := runtime.New(runtime.Config{Loops: loops})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rt.Shutdown(context.Background()) })
	return rt
}

// page returns the lines that a handler with these collectors answers.
func page(t *testing.T, collectors ...metrics.Collector) []string {
	t.Helper()
	w := httptest.NewRecorder()
	metrics.Handler(collectors...).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if got := w.Header().Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	var lines []string
	for s := bufio.NewScanner(w.Body); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return lines
}

var (
	comment = regexp.MustCompile(`^# (HELP|TYPE) ([a-z_]+) (.+)$`)
	sample  = regexp.MustCompile(`^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\["\\n])*",?)*)\})? (\S+)$`)
)

// Every line is in the format, every name is explained once and before its
// samples, which stand together.
func TestPageIsInThePrometheusFormat(t *testing.T) {
	a, b := start(t, 2), start(t, 1)
	ran := make(chan struct{})
	a.Loop(0).Post(func() { close(ran) })
	<-ran
	lines := page(t, metrics.Runtime(a, "runtime", "a"), metrics.Runtime(b, "runtime", "b"),
		metrics.Gauge("odd", "A help text\nof two lines and a \\.", func() float64 { return -1.5 }, "text", "a \"quoted\\\nlabel"),
		metrics.Counter("plain_total", "Without labels.", func() float64 { return 1 << 60 }))
	kinds, helps := map[string]string{}, map[string]int{}
	seen := map[string]bool{}
	var last string
	for _, line := range lines {
		if m := comment.FindStringSubmatch(line); m != nil {
			last = m[2]
			if m[1] == "TYPE" {
				kinds[last] = m[3]
			} else if helps[last]++; helps[last] > 1 {
				t.Errorf("%s is explained twice", last)
			}
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("not in the format: %q", line)
			continue
		}
		name := m[1]
		if kinds[last] == "histogram" {
			name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		}
		if name != last || kinds[name] == "" || helps[name] == 0 {
			t.Errorf("%q stands below %s", line, last)
		}
		if _, err := strconv.ParseFloat(m[3], 64); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		if id := m[1] + m[2]; seen[id] {
			t.Errorf("twice: %q", line)
		} else {
			seen[id] = true
		}
	}
	for name, kind := range kinds {
		if want := strings.HasSuffix(name, "_total"); want != (kind == "counter") {
			t.Errorf("%s is a %s", name, kind)
		}
	}
	for _, want := range []string{
		"moor_loop_descriptors{loop=\"0\",runtime=\"a\"} 0", "moor_loop_jobs_total{loop=\"0\",runtime=\"a\"} 1",
		"moor_loop_jobs_total{loop=\"1\",runtime=\"a\"} 0", "moor_loop_jobs_total{loop=\"0\",runtime=\"b\"} 0",
		`moor_loop_lag_seconds_count{loop="0",runtime="a"} 1`, `moor_loop_lag_seconds_bucket{loop="0",runtime="a",le="+Inf"} 1`,
		`odd{text="a \"quoted\\\nlabel"} -1.5`, `# HELP odd A help text\nof two lines and a \\.`,
		"plain_total 1.152921504606847e+18",
	} {
		if !strings.Contains(strings.Join(lines, "\n")+"\n", want+"\n") {
			t.Errorf("no line %s in\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

// A histogram's buckets are cumulative, in seconds, and end with all.
func TestHistogramsAreCumulative(t *testing.T) {
	d := runtime.Durations{Count: 7, Sum: 90 * time.Second}
	d.Buckets[0], d.Buckets[5], d.Buckets[runtime.DurationBuckets-1] = 4, 2, 1
	lines := page(t, func(p *metrics.Page) { p.Histogram("h_seconds", "Help.", d) })
	var bounds, counts []float64
	for _, line := range lines {
		m := sample.FindStringSubmatch(line)
		if m == nil || m[1] != "h_seconds_bucket" {
			continue
		}
		bound, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(m[2], `le="`), `"`), 64)
		count, _ := strconv.ParseFloat(m[3], 64)
		bounds, counts = append(bounds, bound), append(counts, count)
	}
	if len(bounds) != runtime.DurationBuckets || bounds[0] != 1e-6 || bounds[5] != 1024e-6 || !math.IsInf(bounds[len(bounds)-1], 1) {
		t.Errorf("bounds %v", bounds)
	}
	if fmt.Sprint(counts) != "[4 4 4 4 4 6 6 6 6 6 6 6 6 7]" {
		t.Errorf("counts %v", counts)
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "\nh_seconds_sum 90\nh_seconds_count 7") {
		t.Error(text)
	}
}

func TestVarIsJSON(t *testing.T) {
	rt := start(t, 2)
	var got runtime.Stats
	if err := json.Unmarshal([]byte(metrics.Var(rt).String()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Loops) != 2 {
		t.Errorf("%d loops", len(got.Loops))
	}
}
