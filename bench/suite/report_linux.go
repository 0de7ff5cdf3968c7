package suite

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// A column is how a figure is shown.
type column struct {
	title, suffix string
	format        string
	factor        float64
}

var columns = map[string]column{
	"cpu_us":     {"CPU µs/request", " µs CPU", "%.2f", 1},
	"rate":       {"requests/s", " requests/s", "%.0f", 1},
	"p50_us":     {"p50 µs", " µs p50", "%.0f", 1},
	"p90_us":     {"p90 µs", " µs p90", "%.0f", 1},
	"p99_us":     {"p99 µs", " µs p99", "%.0f", 1},
	"p999_us":    {"p99.9 µs", " µs p99.9", "%.0f", 1},
	"max_us":     {"max µs", " µs max", "%.0f", 1},
	"load":       {"load %", " % load", "%.0f", 100},
	"switches":   {"switches/request", " switches", "%.3f", 1},
	"calls":      {"calls/request", " calls", "%.2f", 1},
	"switches_s": {"switches/s", " switches/s", "%.1f", 1},
	"cpu_ms_s":   {"CPU ms/s", " ms CPU/s", "%.2f", 1},
	"mib_s":      {"MiB/s", " MiB/s", "%.0f", 1},
	"cpu_us_mib": {"CPU µs/MiB", " µs CPU/MiB", "%.1f", 1},
	"bytes":      {"heap+stack B", " B heap and stack", "%.0f", 1},
	"rss":        {"resident B", " B resident", "%.0f", 1},
	"goroutines": {"goroutines", " goroutines", "%.2f", 1},
	"ns":         {"ns/call", " ns", "%.1f", 1},
}

func (c column) value(v float64) string { return fmt.Sprintf(c.format, v*c.factor) }
func (c column) unit(v float64) string  { return c.value(v) + c.suffix }

// Report prints a table for each outcome.
func (r *Results) Report(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s\n", r.Machine, r.Date)
	for _, o := range r.Outcomes {
		if err := o.table(w, r.Noise); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\nEvery figure is a median over quiet turns; a ratio is the median of ratios within rounds, with the smallest and the\n"+
		"largest. A turn is quiet when under %.0f %% of one CPU went elsewhere. What is marked NOISY had no quiet turn.\n", 100*r.Noise)
	return err
}

func (o *Outcome) table(w io.Writer, noise float64) error {
	c := o.Case
	fmt.Fprintf(w, "\n%s\n", c.Name)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\t")
	for i, figure := range c.Figures {
		fmt.Fprintf(t, "%s\t", columns[figure].title)
		if i == 0 {
			fmt.Fprintf(t, "by %s (min–max)\t", c.Base)
		}
	}
	fmt.Fprintln(t)
	for _, name := range o.ordered(noise) {
		fmt.Fprintf(t, "%s\t", name)
		marked := ""
		for i, figure := range c.Figures {
			s, noisy, ok := o.Median(name, figure, noise)
			cell := "–"
			if ok {
				cell = columns[figure].value(s.Median)
			}
			if noisy {
				marked = "NOISY"
			}
			fmt.Fprintf(t, "%s\t", cell)
			if i > 0 {
				continue
			}
			ratio, _, ok := o.Ratio(name, c.Base, figure, noise)
			cell = "–"
			if ok {
				cell = fmt.Sprintf("%.3f (%.3f–%.3f)", ratio.Median, ratio.Min, ratio.Max)
			}
			fmt.Fprintf(t, "%s\t", cell)
		}
		fmt.Fprintf(t, "  %s\n", marked)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, name := range o.Wanted {
		if calls := o.Calls[name]; len(calls) > 0 {
			fmt.Fprintf(w, "  calls of %s: %s\n", name, calls)
		}
	}
	if o.NoCalls != "" {
		fmt.Fprintf(w, "  system calls were not counted: %s\n", o.NoCalls)
	}
	for _, name := range o.Wanted {
		if why := o.Missing[name]; why != "" {
			fmt.Fprintf(w, "  %s: %s\n", name, why)
		}
	}
	return nil
}

// ordered are the servers with figures, the best one first.
func (o *Outcome) ordered(noise float64) []string {
	first := func(name string) float64 {
		for _, figure := range o.Case.Figures {
			if s, _, ok := o.Median(name, figure, noise); ok {
				if figure == "rate" || figure == "mib_s" {
					return -s.Median
				}
				return s.Median
			}
		}
		return 0
	}
	var names []string
	for _, name := range o.Wanted {
		if slices.ContainsFunc(o.Rounds, func(round map[string]Figures) bool { return round[name] != nil }) {
			names = append(names, name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		switch x, y := first(a), first(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return names
}
