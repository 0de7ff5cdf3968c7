package stdnet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// script answers each test process that a Runner starts with the events of
// the next entry.
type script struct {
	t       *testing.T
	streams []string
	started [][]string
}

func (s *script) start(_ string, names []string, _ time.Duration) (*eventLog, error) {
	s.started = append(s.started, names)
	if len(s.streams) == 0 {
		s.t.Fatalf("one process too many, for %v", names)
	}
	stream := s.streams[0]
	s.streams = s.streams[1:]
	return readEvents(strings.NewReader(stream))
}

// events writes a stream from "action test" lines.
func events(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		action, test, _ := strings.Cut(line, " ")
		test, output, _ := strings.Cut(test, ":")
		b.WriteString(`{"Action":"` + action + `","Test":"` + test + `","Output":"` + output + `"}` + "\n")
	}
	return b.String()
}

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		name    string
		tests   []string
		streams []string
		started []string
		want    map[string]Outcome
	}{
		{
			name:  "all is well",
			tests: []string{"TestA", "TestB"},
			streams: []string{
				events("run TestA", "run TestA/x", "pass TestA/x", "pass TestA", "run TestB", "skip TestB", "pass")},
			started: []string{"TestA TestB"},
			want:    map[string]Outcome{"TestA": Pass, "TestA/x": Pass, "TestB": Skip, wholeProcess: Pass},
		},
		{
			name:  "a panic",
			tests: []string{"TestA", "TestB", "TestC", "TestD"},
			streams: []string{
				events("run TestA", "pass TestA", "run TestB", "run TestC", "pause TestC", "output TestB:panic", "fail"),
				events("run TestB", "fail"),
				events("run TestC", "pass TestC", "run TestD", "pass TestD", "pass"),
			},
			started: []string{"TestA TestB TestC TestD", "TestB", "TestC TestD"},
			want:    map[string]Outcome{"TestA": Pass, "TestB": Crash, "TestC": Pass, "TestD": Pass, wholeProcess: Crash},
		},
		{
			name:  "a panic in one test that others are innocent of",
			tests: []string{"TestA", "TestB"},
			streams: []string{
				events("run TestA", "pause TestA", "run TestB", "cont TestA", "fail TestB", "fail"),
				events("run TestA", "pass TestA", "pass"),
			},
			started: []string{"TestA TestB", "TestA"},
			want:    map[string]Outcome{"TestA": Pass, "TestB": Fail, wholeProcess: Crash},
		},
		{
			name:  "an early exit with status 0",
			tests: []string{"TestA", "TestB"},
			streams: []string{
				events("run TestA", "pass"),
				events("run TestA", "pass"),
				events("pass"),
			},
			started: []string{"TestA TestB", "TestA", "TestB"},
			want:    map[string]Outcome{"TestA": Crash, "TestB": Crash, wholeProcess: Crash},
		},
		{
			name:    "a failure that no test is blamed for",
			tests:   []string{"TestA"},
			streams: []string{events("run TestA", "pass TestA", "output :race detected", "fail")},
			started: []string{"TestA"},
			want:    map[string]Outcome{"TestA": Pass, wholeProcess: Fail},
		},
		{
			name:    "the worst of several runs counts",
			tests:   []string{"TestA"},
			streams: []string{events("run TestA", "fail TestA", "run TestA", "pass TestA", "fail")},
			started: []string{"TestA"},
			want:    map[string]Outcome{"TestA": Fail, wholeProcess: Pass},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &script{t: t, streams: tc.streams}
			r := &Runner{Timeout: time.Minute, start: s.start}
			results, err := r.Run(OverLibrary, tc.tests)
			if err != nil {
				t.Fatal(err)
			}
			var started []string
			for _, names := range s.started {
				started = append(started, strings.Join(names, " "))
			}
			if !slices.Equal(started, tc.started) {
				t.Errorf("processes for %q, want %q", started, tc.started)
			}
			if len(results) != len(tc.want) {
				t.Errorf("results %v, want %v", results, tc.want)
			}
			for name, want := range tc.want {
				if got := results[name].Outcome; got != want {
					t.Errorf("%s: %v, want %v", name, got, want)
				}
			}
		})
	}
}

func TestRunGivesUpOnEndlessCrashes(t *testing.T) {
	names := make([]string, 3*maxRounds)
	for i := range names {
		names[i] = "Test" + strings.Repeat("X", i+1)
	}
	processes := 0
	r := &Runner{Timeout: time.Minute, start: func(_ string, names []string, _ time.Duration) (*eventLog, error) {
		processes++
		return readEvents(strings.NewReader(events("run "+names[0], "fail")))
	}}
	results, err := r.Run(OverLibrary, names)
	if err != nil {
		t.Fatal(err)
	}
	if processes != 2*maxRounds {
		t.Errorf("%d processes, want %d: each round one, and one for the test that was under way", processes, 2*maxRounds)
	}
	for _, name := range names {
		if results[name].Outcome != Crash {
			t.Errorf("%s: %v, want a crash", name, results[name].Outcome)
		}
	}
}

func TestRunReportsThatNothingStarted(t *testing.T) {
	r := &Runner{Timeout: time.Minute, start: func(string, []string, time.Duration) (*eventLog, error) {
		return readEvents(strings.NewReader(`{"Action":"build-output","Output":"x.go:1: syntax error\n"}` + "\n" + `{"Action":"fail"}`))
	}}
	if _, err := r.Run(OverStd, []string{"TestA"}); err == nil || !strings.Contains(err.Error(), "syntax error") {
		t.Errorf("error %v, want the compiler's complaint", err)
	}
	failed := errors.New("no go command")
	r.start = func(string, []string, time.Duration) (*eventLog, error) { return nil, failed }
	if _, err := r.Run(OverStd, []string{"TestA"}); !errors.Is(err, failed) {
		t.Errorf("error %v, want %v", err, failed)
	}
}

func TestWhatFailsIsRunOnceMore(t *testing.T) {
	s := &script{t: t, streams: []string{
		events("run TestA", "fail TestA", "run TestB", "fail TestB", "run TestC", "pass TestC", "fail"), // over std
		events("run TestA", "pass TestA", "pass"),
		events("run TestB", "fail TestB", "fail"),
		events("run TestA", "pass TestA", "run TestB", "fail TestB", "run TestC", "fail TestC", "fail"), // over the library
		events("run TestC", "pass TestC", "pass"),
	}}
	r := &Runner{Timeout: time.Minute, start: s.start}
	rows, err := r.RunBoth([]Test{{Name: "TestA"}, {Name: "TestB"}, {Name: "TestC"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Row{
		"TestA":      {Std: Result{Outcome: Pass}, Library: Result{Outcome: Pass}},
		"TestB":      {Std: Result{Outcome: Fail}, Library: Result{Outcome: Fail}},
		"TestC":      {Std: Result{Outcome: Pass}, Library: Result{Outcome: Fail}, Again: Pass},
		wholeProcess: {Std: Result{Outcome: Pass}, Library: Result{Outcome: Pass}},
	}
	for _, row := range rows {
		w := want[row.Name]
		if row.Std.Outcome != w.Std.Outcome || row.Library.Outcome != w.Library.Outcome || row.Again != w.Again {
			t.Errorf("%s: %v over std, %v over the library, %v when run once more; want %v, %v, %v", row.Name,
				row.Std.Outcome, row.Library.Outcome, row.Again, w.Std.Outcome, w.Library.Outcome, w.Again)
		}
	}
	if n := len(Regressions(rows)); n != 1 {
		t.Errorf("%d regressions, want 1: a pass at the second try excuses nothing over the library", n)
	}
	if err := Baseline(rows); err != nil {
		t.Error(err)
	}
}

func TestABaselineThatCrashesIsNone(t *testing.T) {
	rows := Compare(nil, Results{wholeProcess: {Outcome: Crash}}, Results{wholeProcess: {Outcome: Crash}})
	if Baseline(rows) == nil {
		t.Error("nothing is said about the crash over std")
	}
}

// A process that was too slow is told from one that crashed.
func TestRunTellsOfTimeouts(t *testing.T) {
	for output, want := range map[string]string{
		"panic: test timed out after 2m0s": "library: the process ran out of time with 1 tests unfinished",
		"panic: something else":            "library: the process ended with 1 tests unfinished",
	} {
		s := &script{t: t, streams: []string{events("run TestA", "output TestA:"+output, "fail"), events("run TestA", "pass TestA", "pass")}}
		var said []string
		r := &Runner{Timeout: time.Minute, start: s.start, Log: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
		if _, err := r.Run(OverLibrary, []string{"TestA"}); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(said, want) {
			t.Errorf("%q: it said %q, want %q among it", output, said, want)
		}
	}
}
