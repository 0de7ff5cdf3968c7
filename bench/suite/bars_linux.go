package suite

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
)

// A Bar is what a figure has to reach. Without a base it is the figure itself
// that is compared, otherwise its ratio to the base's: another server's in the
// same rounds, or the same server's in another case.
type Bar struct {
	Case     string
	Server   string
	Base     string
	BaseCase string
	Figure   string
	Limit    float64
	// AtLeast is for figures of which more is better.
	AtLeast bool
}

// Bars are what this library has set itself. Those with package net as base are
// for the same work, goroutine mode's with the very same code but for the
// listener.
func Bars() []Bar {
	var bars []Bar
	for _, n := range []int{1, 2} {
		for conns, limit := range goroutineLimits(n) {
			bars = append(bars, Bar{Case: EchoName(barConns[conns], 64, 1, n), Server: "moor", Base: "std", Figure: "cpu_us", Limit: limit})
		}
	}
	bars = append(bars, Bar{Case: EchoName(64, 64, 1, 1), Server: "moor", Figure: "calls", Limit: 2.2})
	for _, mode := range []string{"coroutine", "event"} {
		// In every row, and a quick run's are a part of a full one's.
		for _, c := range echoCases(Plan{}) {
			bars = append(bars, Bar{Case: c.Name, Server: mode, Base: "c-epoll", Figure: "cpu_us", Limit: 1.08})
		}
		bars = append(bars,
			Bar{Case: EchoName(64, 64, 1, 1), Server: mode, Base: "std", Figure: "cpu_us", Limit: .85},
			Bar{Case: EchoName(1000, 64, 1, 1), Server: mode, Base: "std", Figure: "cpu_us", Limit: .8})
	}
	return append(bars,
		Bar{Case: EchoName(1000, 64, 1, 2), Server: "coroutine", Base: "std", Figure: "cpu_us", Limit: .75},
		Bar{Case: EchoName(1000, 64, 1, 2), Server: "coroutine", Base: "std", Figure: "p99_us", Limit: 1},
		Bar{Case: EchoName(64, 64, 1, 2), Server: "coroutine", Base: "std", Figure: "p99_us", Limit: 1},
		Bar{Case: computeName, Server: "moor", Base: "std", Figure: "rate", Limit: 1, AtLeast: true},
		Bar{Case: computeName, Server: "coroutine", Base: "std", Figure: "rate", Limit: 10, AtLeast: true},
		Bar{Case: sleepyName, Server: "coroutine", BaseCase: EchoName(1000, 64, 1, 2), Figure: "p99_us", Limit: 2},
		Bar{Case: settledName, Server: "coroutine", BaseCase: EchoName(1000, 64, 1, 2), Figure: "p99_us", Limit: 2},
		Bar{Case: setName, Server: "moor", Base: "std", Figure: "ns", Limit: .6},
		Bar{Case: restName, Server: "moor", Figure: "cpu_ms_s", Limit: .5},
		Bar{Case: neverIdleName(64), Server: "park", Base: "moor", Figure: "cpu_us", Limit: 1.02},
		Bar{Case: neverIdleName(1000), Server: "park", Base: "moor", Figure: "cpu_us", Limit: 1.02},
		Bar{Case: alternateName(20), Server: "park", Base: "moor", Figure: "cpu_us", Limit: 1.15},
		Bar{Case: IdleName(server.HTTP), Server: "park", Figure: "bytes", Limit: 500},
		Bar{Case: IdleName(server.HTTP), Server: "park", Figure: "goroutines", Limit: .001},
		Bar{Case: IdleName(server.HTTPS), Server: "park", Base: "std", Figure: "bytes", Limit: 1. / 3},
	)
}

// barConns are the numbers of connections for which goroutine mode has bars.
var barConns = []int{1, 8, 64, 1000, 10000}

// goroutineLimits are those bars, on so many cores.
func goroutineLimits(cores int) []float64 {
	if cores == 2 {
		return []float64{1, 1, .9, .85, 1}
	}
	return []float64{1, 1, .9, 1, 1}
}

// String says what is to be reached.
func (b Bar) String() string {
	relation := "at most"
	if b.AtLeast {
		relation = "at least"
	}
	limit := fmt.Sprintf("%s %.3g", relation, b.Limit)
	switch {
	case b.Base != "":
		limit += " of " + b.Base + "'s"
	case b.BaseCase != "":
		limit += " of that in " + b.BaseCase
	}
	return fmt.Sprintf("%s %s, %s: %s", b.Server, columns[b.Figure].title, b.Case, limit)
}

// Verdict compares the bar with what was measured: the figure, or ratio, of which
// the median counts, and "met", "not met", "NOISY" before either where no turn
// was quiet, or "not measured".
func (b Bar) Verdict(r *Results) (s measure.Statistic, verdict string) {
	o := r.Outcome(b.Case)
	if o == nil {
		return s, NotMeasured
	}
	s, noisy, ok := o.Median(b.Server, b.Figure, r.Noise)
	if b.Base != "" {
		s, noisy, ok = o.Ratio(b.Server, b.Base, b.Figure, r.Noise)
	}
	if b.BaseCase != "" && ok {
		base := r.Outcome(b.BaseCase)
		if base == nil {
			return s, NotMeasured
		}
		by, busy, has := base.Median(b.Server, b.Figure, r.Noise)
		s.Median, s.Min, s.Max = s.Median/by.Median, s.Min/by.Median, s.Max/by.Median
		noisy, ok = noisy || busy, has && by.Median != 0
	}
	if !ok {
		return s, NotMeasured
	}
	verdict = Met
	if s.Median > b.Limit && !b.AtLeast || s.Median < b.Limit && b.AtLeast {
		verdict = NotMet
	}
	if noisy {
		verdict = "NOISY, " + verdict
	}
	return s, verdict
}

// A Tally is how many bars have which verdict. Noisy ones prove nothing, one way
// or the other.
type Tally struct{ Met, Missed, Noisy, Unmeasured int }

// String is the tally in words.
func (t Tally) String() string {
	return fmt.Sprintf("of %d bars %d are met, %d are NOT MET, %d are noisy, and %d were not measured",
		t.Met+t.Missed+t.Noisy+t.Unmeasured, t.Met, t.Missed, t.Noisy, t.Unmeasured)
}

// A Line is one bar's in the report. Its value is the median, with the smallest
// and the largest of all rounds.
type Line struct{ Verdict, Value, Bar string }

// Lines are those of all bars.
func (r *Results) Lines() []Line {
	var lines []Line
	for _, b := range Bars() {
		s, verdict := b.Verdict(r)
		shown := fmt.Sprintf("%.4g (%.3g–%.3g)", s.Median, s.Min, s.Max)
		if verdict == NotMeasured {
			shown = "–"
		}
		lines = append(lines, Line{verdict, shown, b.String()})
	}
	return lines
}

// ReportBars prints bars with their verdicts, and how many have which. Those
// that were not measured are left out of the list, unless all are wanted.
func ReportBars(w io.Writer, lines []Line, all bool) (tally Tally, err error) {
	fmt.Fprintf(w, "\nBars\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range lines {
		switch line.Verdict {
		case Met:
			tally.Met++
		case NotMet:
			tally.Missed++
		case NotMeasured:
			tally.Unmeasured++
			if !all {
				continue
			}
		default:
			tally.Noisy++
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", line.Verdict, line.Value, line.Bar)
	}
	if err := t.Flush(); err != nil {
		return tally, err
	}
	_, err = fmt.Fprintf(w, "%s\n", tally)
	return tally, err
}

// Verdicts. Before one on figures of which no turn was quiet stands "NOISY, ".
const (
	Met         = "met"
	NotMet      = "not met"
	NotMeasured = "not measured"
)
