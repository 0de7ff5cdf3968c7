package picture

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moor-net/moor/bench/server"
	"github.com/moor-net/moor/bench/suite"
)

// results has every case that a picture shows, with two servers.
func results(elsewhere float64) *suite.Results {
	r := &suite.Results{Noise: .1}
	add := func(name string, f suite.Figures) {
		f["elsewhere"] = elsewhere
		r.Outcomes = append(r.Outcomes, &suite.Outcome{
			Case:   suite.Case{Name: name},
			Wanted: []string{"stranger", "moor", "std"},
			Rounds: []map[string]suite.Figures{{"moor": f, "std": f, "stranger": f}},
		})
	}
	for _, conns := range []int{1, 64, 1000, 10000} {
		add(suite.EchoName(conns, 64, 1, 1), suite.Figures{"cpu_us": 7.5})
	}
	for _, kind := range []server.Protocol{server.Echo, server.HTTP, server.WebSocket, server.HTTPS} {
		add(suite.IdleName(kind), suite.Figures{"rss": 4321})
	}
	add(suite.TailName, suite.Figures{"p50_us": 50, "p90_us": 90, "p99_us": 200, "p999_us": 900, "max_us": 4000})
	return r
}

func drawn(t *testing.T, r *suite.Results) map[string]string {
	t.Helper()
	files, err := WriteAll(r, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(name)] = string(text)
	}
	return texts
}

func TestPicturesAreSVGForBothGrounds(t *testing.T) {
	for name, text := range drawn(t, results(0)) {
		decoder := xml.NewDecoder(strings.NewReader(text))
		for {
			_, err := decoder.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for _, want := range []string{"prefers-color-scheme:dark", "currentColor", "<title>", ">moor<", ">std<", ">stranger<"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
		for _, unwanted := range []string{inkText, "NaN", "#-", "NOT QUIET", "fill:#000000"} {
			if strings.Contains(text, unwanted) {
				t.Errorf("%s has %s", name, unwanted)
			}
		}
	}
}

func TestFiguresAreWrittenOut(t *testing.T) {
	texts := drawn(t, results(0))
	for name, want := range map[string]string{"bench_cpu.svg": "(std: 7.5 µs)", "bench_memory.svg": ">4321<", "bench_tail.svg": ">99.9 %<"} {
		if !strings.Contains(texts[name], want) {
			t.Errorf("%s does not say %s", name, want)
		}
	}
}

// A picture from a busy machine must not look like another.
func TestNoiseIsSaid(t *testing.T) {
	texts := drawn(t, results(1))
	for _, name := range []string{"bench_cpu.svg", "bench_tail.svg"} {
		if !strings.Contains(texts[name], "NOT QUIET") {
			t.Errorf("%s hides that the machine was not quiet", name)
		}
	}
}

func TestWhatIsNotMeasuredIsNotDrawn(t *testing.T) {
	files, err := WriteAll(new(suite.Results), t.TempDir())
	if len(files) != 0 || !errors.Is(err, ErrNotMeasured) {
		t.Errorf("files %v, error %v", files, err)
	}
}
