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

// Bars are what this library has set itself. Rows with package net as base are
// with its own code, which differs in the listener only.
func Bars() []Bar {
	bars := []Bar{
		{Case: EchoName(1, 64, 1, 1), Server: "moor", Base: "std", Figure: "cpu_us", Limit: 1},
		{Case: EchoName(8, 64, 1, 1), Server: "moor", Base: "std", Figure: "cpu_us", Limit: 1},
		{Case: EchoName(64, 64, 1, 1), Server: "moor", Base: "std", Figure: "cpu_us", Limit: .9},
		{Case: EchoName(1000, 64, 1, 1), Server: "moor", Base: "std", Figure: "cpu_us", Limit: 1},
		{Case: EchoName(10000, 64, 1, 1), Server: "moor", Base: "std", Figure: "cpu_us", Limit: 1},
		{Case: EchoName(64, 64, 1, 2), Server: "moor", Base: "std", Figure: "cpu_us", Limit: 1},
		{Case: EchoName(1000, 64, 1, 2), Server: "moor", Base: "std", Figure: "cpu_us", Limit: .85},
		{Case: EchoName(64, 64, 1, 1), Server: "moor", Figure: "calls", Limit: 2.2},
	}
	for _, mode := range []string{"coroutine", "event"} {
		for _, conns := range []int{1, 8, 64, 1000, 10000} {
			bars = append(bars, Bar{Case: EchoName(conns, 64, 1, 1), Server: mode, Base: "c-epoll", Figure: "cpu_us", Limit: 1.08})
		}
		bars = append(bars,
			Bar{Case: EchoName(64, 1024, 1, 1), Server: mode, Base: "c-epoll", Figure: "cpu_us", Limit: 1.08},
			Bar{Case: EchoName(1000, 1024, 1, 1), Server: mode, Base: "c-epoll", Figure: "cpu_us", Limit: 1.08},
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
		Bar{Case: setName, Server: "moor", Base: "std", Figure: "ns", Limit: .6},
		Bar{Case: restName, Server: "moor", Figure: "cpu_ms_s", Limit: .5},
		Bar{Case: neverIdleName(64), Server: "park", Base: "moor", Figure: "cpu_us", Limit: 1.02},
		Bar{Case: neverIdleName(1000), Server: "park", Base: "moor", Figure: "cpu_us", Limit: 1.02},
		Bar{Case: alternateName(20), Server: "park", Base: "moor", Figure: "cpu_us", Limit: 1.15},
		Bar{Case: IdleName(server.HTTP), Server: "park", Figure: "bytes", Limit: 400},
		Bar{Case: IdleName(server.HTTP), Server: "park", Figure: "goroutines", Limit: .001},
		Bar{Case: IdleName(server.HTTPS), Server: "park", Base: "std", Figure: "bytes", Limit: 1. / 3},
	)
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
		return s, "not measured"
	}
	s, noisy, ok := o.Median(b.Server, b.Figure, r.Noise)
	if b.Base != "" {
		s, noisy, ok = o.Ratio(b.Server, b.Base, b.Figure, r.Noise)
	}
	if b.BaseCase != "" && ok {
		base := r.Outcome(b.BaseCase)
		if base == nil {
			return s, "not measured"
		}
		by, busy, has := base.Median(b.Server, b.Figure, r.Noise)
		s.Median, s.Min, s.Max = s.Median/by.Median, s.Min/by.Median, s.Max/by.Median
		noisy, ok = noisy || busy, has && by.Median != 0
	}
	if !ok {
		return s, "not measured"
	}
	verdict = "met"
	if s.Median > b.Limit && !b.AtLeast || s.Median < b.Limit && b.AtLeast {
		verdict = "not met"
	}
	if noisy {
		verdict = "NOISY, " + verdict
	}
	return s, verdict
}

// ReportBars prints each bar that was measured, with the smallest and the largest
// value of all rounds, and how many were not.
func (r *Results) ReportBars(w io.Writer) error {
	fmt.Fprintf(w, "\nBars\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	unmeasured := 0
	for _, b := range Bars() {
		s, verdict := b.Verdict(r)
		if verdict == "not measured" {
			unmeasured++
			continue
		}
		fmt.Fprintf(t, "%s\t%.3g\t(%.3g–%.3g)\t%s\n", verdict, s.Median, s.Min, s.Max, b)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d of %d bars were not measured\n", unmeasured, len(Bars()))
	return err
}
