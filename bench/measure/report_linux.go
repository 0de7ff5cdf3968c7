package measure

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is a whole comparison of two servers.
type Report struct {
	A       string `json:"a"`
	B       string `json:"b"`
	Machine string `json:"machine"`
	Setup   Setup  `json:"setup"`
	Rows    []Row  `json:"rows"`
	// NoCalls says why system calls were not counted, if they were not.
	NoCalls string `json:"no_calls,omitempty"`
}

// Write prints the report as tables.
func (r Report) Write(w io.Writer) error {
	pinned := "unpinned"
	if r.Setup.ServerCPUs != "" {
		pinned = fmt.Sprintf("server on CPU %s, client on CPU %s", r.Setup.ServerCPUs, r.Setup.ClientCPUs)
	}
	fmt.Fprintf(w, "echo of %d bytes, %d on their way per connection, %d-byte server buffers, GOMAXPROCS=%d, %s, %v a run\n%s\na = %s, b = %s\n\n",
		r.Setup.Size, r.Setup.Depth, r.Setup.Buf, r.Setup.Procs, pinned, r.Setup.Duration, r.Machine, r.A, r.B)
	if err := r.writeFigures(w); err != nil {
		return err
	}
	return r.writeCalls(w)
}

func (r Report) writeFigures(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tserver CPU µs/request\t\t\trequests/s\t\tp50 µs\t\tp99 µs\t\tserver load\t\tquiet\telsewhere\t")
	fmt.Fprintln(t, "conns\ta\tb\ta/b (min–max)\ta\tb\ta\tb\ta\tb\ta\tb\tpairs\t% of a CPU\t")
	for _, row := range r.Rows {
		quiet := row.Used
		mark := ""
		if row.Noisy {
			quiet, mark = 0, "NOISY"
		}
		elsewhere := make([]float64, len(row.Pairs))
		for i, p := range row.Pairs {
			elsewhere[i] = p.Elsewhere
		}
		spread := summarize(elsewhere)
		fmt.Fprintf(t, "%d\t%.2f\t%.2f\t%.3f (%.3f–%.3f)\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f%%\t%.0f%%\t%d of %d\t%.0f (%.0f–%.0f)\t%s\n",
			row.Conns, row.A.CPUPerRequest.Median, row.B.CPUPerRequest.Median, row.Ratio.Median, row.Ratio.Min, row.Ratio.Max,
			row.A.Rate.Median, row.B.Rate.Median, row.A.P50.Median, row.B.P50.Median, row.A.P99.Median, row.B.P99.Median,
			100*row.A.Utilization.Median, 100*row.B.Utilization.Median,
			quiet, len(row.Pairs), 100*spread.Median, 100*spread.Min, 100*spread.Max, mark)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nMedians over quiet pairs; a/b is the median of the ratios within pairs. A pair is quiet when under %.0f %% of one CPU went elsewhere;\na NOISY row had none, shows all its pairs, and proves nothing.\n", 100*r.Setup.Noise)
	return err
}

func (r Report) writeCalls(w io.Writer) error {
	if r.NoCalls != "" {
		_, err := fmt.Fprintf(w, "\nSystem calls were not counted: %s\n", r.NoCalls)
		return err
	}
	fmt.Fprintf(w, "\nSystem calls per request, counted in a run of its own under strace\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "conns\tserver\ttotal\tby name")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%d\ta\t%.2f\t%s\n", row.Conns, row.A.Calls.Total(), row.A.Calls)
		fmt.Fprintf(t, "\tb\t%.2f\t%s\n", row.B.Calls.Total(), row.B.Calls)
	}
	return t.Flush()
}

// String lists the calls, the most frequent first; what comes to less than
// one in a hundred requests is left out.
func (c Calls) String() string {
	names := slices.SortedFunc(maps.Keys(c), func(x, y string) int {
		if c[x] != c[y] {
			if c[x] > c[y] {
				return -1
			}
			return 1
		}
		return strings.Compare(x, y)
	})
	var list []string
	for _, name := range names {
		if c[name] >= .01 {
			list = append(list, fmt.Sprintf("%s %.2f", name, c[name]))
		}
	}
	return strings.Join(list, ", ")
}
