package suite

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
)

func outcome(rounds ...map[string]Figures) *Outcome {
	return &Outcome{Case: Case{Name: "case", Figures: []string{"cpu_us"}, Base: "b"}, Wanted: []string{"a", "b"}, Rounds: rounds, Done: true}
}

func round(a, b, elsewhere float64) map[string]Figures {
	return map[string]Figures{"a": {"cpu_us": a, "elsewhere": elsewhere}, "b": {"cpu_us": b}}
}

func TestRatioIsTheMedianWithinRounds(t *testing.T) {
	// The machine slows down from round to round. The ratio of the medians
	// would be 30/20.
	o := outcome(round(5, 10, 0), round(30, 20, 0), round(36, 40, 0))
	ratio, noisy, ok := o.Ratio("a", "b", "cpu_us", .1)
	if want := (measure.Statistic{Median: .9, Min: .5, Max: 1.5}); ratio != want || noisy || !ok {
		t.Errorf("ratio %v, noisy %v, ok %v, want %v", ratio, noisy, ok, want)
	}
	if s, _, _ := o.Median("a", "cpu_us", .1); s.Median != 30 {
		t.Errorf("median %v", s)
	}
}

func TestNoisyTurnsAreLeftOut(t *testing.T) {
	o := outcome(round(1, 2, .2), round(30, 20, .05), round(1, 3, .3))
	ratio, noisy, _ := o.Ratio("a", "b", "cpu_us", .1)
	if ratio.Median != 1.5 || noisy {
		t.Errorf("ratio %v, noisy %v", ratio, noisy)
	}
	ratio, noisy, _ = o.Ratio("a", "b", "cpu_us", .01)
	if ratio.Median != .5 || !noisy {
		t.Errorf("without a quiet turn: ratio %v, noisy %v", ratio, noisy)
	}
	if _, _, ok := o.Ratio("a", "nobody", "cpu_us", .1); ok {
		t.Error("there is a ratio to nobody")
	}
}

func TestVerdicts(t *testing.T) {
	r := &Results{Noise: .1, Outcomes: []*Outcome{outcome(round(8, 10, 0))}}
	noisy := &Results{Noise: .1, Outcomes: []*Outcome{outcome(round(8, 10, 1))}}
	for _, test := range []struct {
		results *Results
		bar     Bar
		verdict string
	}{
		{r, Bar{Case: "case", Server: "a", Base: "b", Figure: "cpu_us", Limit: .8}, "met"},
		{r, Bar{Case: "case", Server: "a", Base: "b", Figure: "cpu_us", Limit: .79}, "not met"},
		{r, Bar{Case: "case", Server: "a", Base: "b", Figure: "cpu_us", Limit: .79, AtLeast: true}, "met"},
		{r, Bar{Case: "case", Server: "a", Base: "b", Figure: "cpu_us", Limit: .81, AtLeast: true}, "not met"},
		{r, Bar{Case: "case", Server: "a", Figure: "cpu_us", Limit: 8}, "met"},
		{r, Bar{Case: "case", Server: "c", Figure: "cpu_us", Limit: 8}, "not measured"},
		{r, Bar{Case: "other", Server: "a", Figure: "cpu_us", Limit: 8}, "not measured"},
		{r, Bar{Case: "case", Server: "a", BaseCase: "case", Figure: "cpu_us", Limit: 1}, "met"},
		{r, Bar{Case: "case", Server: "a", BaseCase: "case", Figure: "cpu_us", Limit: .9}, "not met"},
		{r, Bar{Case: "case", Server: "a", BaseCase: "other", Figure: "cpu_us", Limit: 1}, "not measured"},
		{noisy, Bar{Case: "case", Server: "a", Figure: "cpu_us", Limit: 1}, "NOISY, not met"},
	} {
		if _, verdict := test.bar.Verdict(test.results); verdict != test.verdict {
			t.Errorf("%v: %s, want %s", test.bar, verdict, test.verdict)
		}
	}
}

// What is missed, noisy or not measured must not pass for met, nor be left out.
func TestReportTellsWhichBarsAreMet(t *testing.T) {
	lines := []Line{{Met, "1", "one"}, {NotMet, "2", "two"}, {NotMeasured, "–", "three"}, {"NOISY, met", "4", "four"}}
	for _, all := range []bool{true, false} {
		var text strings.Builder
		tally, err := ReportBars(&text, lines, all)
		if want := (Tally{1, 1, 1, 1}); err != nil || tally != want {
			t.Errorf("%+v, %v, want %+v", tally, err, want)
		}
		if !strings.Contains(text.String(), "of 4 bars 1 are met, 1 are NOT MET, 1 are noisy, and 1 were not measured") {
			t.Errorf("summary in:\n%s", &text)
		}
		for _, line := range lines {
			if want := all || line.Verdict != NotMeasured; strings.Contains(text.String(), line.Bar) != want {
				t.Errorf("all %v: %q is to be shown: %v\n%s", all, line.Bar, want, &text)
			}
		}
	}
}

// A bar that nothing measures would never be missed.
func TestEveryBarIsMeasuredByEitherRun(t *testing.T) {
	for _, full := range []bool{false, true} {
		everyBarIsMeasured(t, Plan{Full: full})
	}
}

func everyBarIsMeasured(t *testing.T, plan Plan) {
	cases := map[string]Case{}
	for _, c := range Cases("", plan) {
		cases[c.Name] = c
	}
	for _, b := range Bars() {
		c, ok := cases[b.Case]
		if _, has := cases[b.BaseCase]; !ok || b.BaseCase != "" && !has {
			t.Errorf("no case for bar %v", b)
			continue
		}
		for _, name := range []string{b.Server, b.Base} {
			if _, err := server.Lookup(name); name != "" && (err != nil || c.Servers != nil && !slices.Contains(c.Servers, name)) {
				t.Errorf("bar %v: %s takes no part (%v)", b, name, err)
			}
		}
		shown := false
		for _, f := range c.Figures {
			shown = shown || f == b.Figure
		}
		if !shown {
			t.Errorf("the table of %q does not show %s", c.Name, b.Figure)
		}
	}
}

// As promised by the flags' descriptions.
func TestRunsTakeNoLongerThanIsSaid(t *testing.T) {
	for full, limit := range map[bool]time.Duration{false: 10 * time.Minute, true: time.Hour} {
		var sum time.Duration
		for _, c := range Cases("", Plan{Full: full, Processes: 1}) {
			servers, err := c.candidates(nil)
			if err != nil {
				t.Fatal(err)
			}
			sum += c.Expected(len(servers))
		}
		if sum > limit {
			t.Errorf("full %v: %v, at most %v", full, sum, limit)
		}
		t.Logf("full %v: %v", full, sum)
	}
}

func TestNamesAreUniqueAndFiguresKnown(t *testing.T) {
	for _, full := range []bool{false, true} {
		seen := map[string]bool{}
		for _, c := range Cases("", Plan{Full: full}) {
			if seen[c.Name] {
				t.Errorf("two cases %q", c.Name)
			}
			seen[c.Name] = true
			for _, f := range c.Figures {
				if columns[f].title == "" {
					t.Errorf("%s: no column for %s", c.Name, f)
				}
			}
		}
	}
}

// executed runs a case of which each turn calls turn.
func executed(t *testing.T, results *Results, rounds int, turn func(name string) (Figures, error)) string {
	t.Helper()
	c := Case{Name: "case", Measurement: "echo", Protocol: server.Echo, Servers: []string{"std", "moor"}, Rounds: rounds,
		Figures: []string{"cpu_us"}, Base: "std",
		run: func(_ context.Context, _ Run, _ Case, s server.Server) (Figures, error) { return turn(s.Name) }}
	var progress strings.Builder
	if err := (Run{Noise: .1}).Execute(context.Background(), []Case{c}, results, &progress, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	return progress.String()
}

func TestTurnsAlternate(t *testing.T) {
	var order []string
	executed(t, new(Results), 3, func(name string) (Figures, error) {
		order = append(order, name)
		return Figures{"cpu_us": 1}, nil
	})
	if got := strings.Join(order, " "); got != "std moor moor std std moor" {
		t.Errorf("order %s", got)
	}
}

func TestAServerThatFailsIsLeftOutWithItsReason(t *testing.T) {
	results := new(Results)
	executed(t, results, 2, func(name string) (Figures, error) {
		if name == "moor" {
			return nil, errors.New("no such\nthing")
		}
		return Figures{"cpu_us": 1}, nil
	})
	var report strings.Builder
	if err := results.Report(&report); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(report.String(), "moor: no such thing") {
		t.Errorf("report:\n%s", &report)
	}
	if o := results.Outcome("case"); !o.Done || len(o.Rounds) != 2 || o.Rounds[1]["std"] == nil {
		t.Errorf("outcome %+v", o)
	}
}

func TestAnInterruptedCaseGoesOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results")
	results := new(Results)
	executed(t, results, 3, func(string) (Figures, error) { return Figures{"cpu_us": 1}, nil })
	o := results.Outcome("case")
	o.Rounds, o.Done = o.Rounds[:1], false
	if err := results.Write(file); err != nil {
		t.Fatal(err)
	}
	results, err := ReadResults(file)
	if err != nil {
		t.Fatal(err)
	}
	turns := 0
	executed(t, results, 3, func(string) (Figures, error) {
		turns++
		return Figures{"cpu_us": 2}, nil
	})
	if o := results.Outcome("case"); turns != 4 || len(o.Rounds) != 3 || o.Rounds[0]["std"]["cpu_us"] != 1 {
		t.Errorf("%d turns more, %+v", turns, o)
	}
	executed(t, results, 5, func(string) (Figures, error) { return Figures{"cpu_us": 3}, nil })
	if o := results.Outcome("case"); len(results.Outcomes) != 1 || len(o.Rounds) != 5 || o.Rounds[0]["std"]["cpu_us"] != 3 {
		t.Errorf("a case with other settings: %+v", o)
	}
}

func TestACancelledRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c := Case{Name: "case", Protocol: server.Echo, Servers: []string{"std"}, Rounds: 1, Figures: []string{"cpu_us"},
		run: func(ctx context.Context, _ Run, _ Case, _ server.Server) (Figures, error) { return nil, ctx.Err() }}
	results := new(Results)
	err := Run{}.Execute(ctx, []Case{c}, results, io.Discard, func() error { return nil })
	if !errors.Is(err, context.Canceled) || results.Outcome("case").Done {
		t.Errorf("error %v, outcome %+v", err, results.Outcome("case"))
	}
}

func TestResultsOfADamagedFileAreAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results")
	if err := os.WriteFile(file, []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadResults(file); err == nil {
		t.Error("half a file was read")
	}
	if r, err := ReadResults(file + ".none"); err != nil || len(r.Outcomes) != 0 {
		t.Errorf("no file: %+v, %v", r, err)
	}
}

func TestPlanReplacesWhatCasesSay(t *testing.T) {
	for _, c := range Cases("echo", Plan{Rounds: 2, Duration: time.Second, Conns: []int{3}, Cores: 2}) {
		if c.Rounds != 2 || c.Duration != time.Second || c.Conns != 3 || c.Cores != 2 {
			t.Errorf("case %+v", c)
		}
	}
}
