// Package guest is a machine of one's own for more connections than a process
// may have descriptors: how it is made, and what runs in it.
package guest

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/moor-net/moor/bench/measure"
)

// Task is what the guest is to do.
type Task struct {
	Conns  int // parked connections
	Std    int // connections of package net's server, 0 for none
	Sample int // connections that make a request in the end
}

// The kernel passes what it does not know, and what has no dot in it, on to
// init's environment.
const (
	connsKey  = "moor_conns"
	stdKey    = "moor_std"
	sampleKey = "moor_sample"
)

// CommandLine is the task as a part of the kernel's command line.
func (t Task) CommandLine() string {
	return fmt.Sprintf("%s=%d %s=%d %s=%d", connsKey, t.Conns, stdKey, t.Std, sampleKey, t.Sample)
}

// parseTask reads the task out of an environment.
func parseTask(environment []string) (t Task, err error) {
	for _, entry := range environment {
		key, value, _ := strings.Cut(entry, "=")
		var to *int
		switch key {
		case connsKey:
			to = &t.Conns
		case stdKey:
			to = &t.Std
		case sampleKey:
			to = &t.Sample
		default:
			continue
		}
		if *to, err = strconv.Atoi(value); err != nil {
			return t, fmt.Errorf("%s: %w", key, err)
		}
	}
	if t.Conns < 1 {
		return t, fmt.Errorf("the kernel's command line has no %s", connsKey)
	}
	return t, nil
}

// ReportMark begins the line with which the guest ends.
const ReportMark = "REPORT "

// Report is what the guest has found. All sizes are in bytes.
type Report struct {
	Kernel string `json:"kernel"`
	Memory uint64 `json:"memory"`
	Rows   []Row  `json:"rows"`
}

// A Row is one server with all its connections idle.
type Row struct {
	Server string `json:"server"`
	Conns  int    `json:"conns"`
	// Before is the server's memory without connections, Idle with all of them
	// idle, After when the sample has been served and is idle again.
	Before measure.Memory `json:"before"`
	Idle   measure.Memory `json:"idle"`
	After  measure.Memory `json:"after"`
	// KernelBytes is how much less memory the guest has than before, apart from
	// that of server and client.
	KernelBytes int64 `json:"kernel_bytes"`
	// Opening is how long it took to connect, and to answer a request on each.
	Opening time.Duration `json:"opening_ns"`
	// Sample requests, all at once, took Burst; half of them P50, and so on.
	Sample int           `json:"sample"`
	Burst  time.Duration `json:"burst_ns"`
	P50    time.Duration `json:"p50_ns"`
	P99    time.Duration `json:"p99_ns"`
	Max    time.Duration `json:"max_ns"`
	// RestCPU is the share of one CPU that the server took while all was idle,
	// with its deadline sweeps.
	RestCPU float64 `json:"rest_cpu"`
	// Failed says what went wrong, if something did.
	Failed string `json:"failed,omitempty"`
}

// userLimit is what a million connections may take in user space.
const userLimit = 500_000_000

// Write prints the report as a table.
func (r *Report) Write(w io.Writer) error {
	fmt.Fprintf(w, "in a guest with %.1f GiB: %s\n\n", gib(r.Memory), r.Kernel)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\t")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%s\t", row.Server)
	}
	fmt.Fprintln(t)
	line := func(title, format string, value func(Row) any) {
		fmt.Fprintf(t, "%s\t", title)
		for _, row := range r.Rows {
			fmt.Fprintf(t, format+"\t", value(row))
		}
		fmt.Fprintln(t)
	}
	each := func(after, before uint64, row Row) float64 {
		return (float64(after) - float64(before)) / float64(row.Conns)
	}
	line("idle connections", "%d", func(r Row) any { return r.Conns })
	line("heap and stacks, MB", "%.1f", func(r Row) any { return mb(r.Idle.Heap + r.Idle.Stack) })
	line("a connection, bytes", "%.0f", func(r Row) any {
		return each(r.Idle.Heap+r.Idle.Stack, r.Before.Heap+r.Before.Stack, r)
	})
	line("resident, MB", "%.1f", func(r Row) any { return mb(r.Idle.RSS) })
	line("a connection, bytes", "%.0f", func(r Row) any { return each(r.Idle.RSS, r.Before.RSS, r) })
	line("goroutines", "%d", func(r Row) any { return r.Idle.Goroutines })
	line("longest pause of the collector, ms", "%.2f", func(r Row) any { return r.Idle.PauseMax.Seconds() * 1e3 })
	line("CPU of one collection, s", "%.2f", func(r Row) any { return r.Idle.Mark.Seconds() })
	line("CPU while all is idle, %", "%.2f", func(r Row) any { return 100 * r.RestCPU })
	line("kernel memory of both ends, bytes a connection", "%.0f", func(r Row) any { return float64(r.KernelBytes) / float64(r.Conns) })
	line("opened in, s", "%.0f", func(r Row) any { return r.Opening.Seconds() })
	line("requests at once after that", "%d", func(r Row) any { return r.Sample })
	line("answered in, s", "%.2f", func(r Row) any { return r.Burst.Seconds() })
	if err := t.Flush(); err != nil {
		return err
	}
	for _, row := range r.Rows {
		if row.Failed != "" {
			fmt.Fprintf(w, "%s: %s\n", row.Server, row.Failed)
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", r.verdict())
	return err
}

// verdict compares the parked server with what it is to reach.
func (r *Report) verdict() string {
	for _, row := range r.Rows {
		if row.Server != "park" {
			continue
		}
		user, limit := row.Idle.RSS, uint64(userLimit)*uint64(row.Conns)/1_000_000
		verdict := "met"
		if row.Failed != "" || user > limit || row.Idle.Goroutines > 100 {
			verdict = "not met"
		}
		return fmt.Sprintf("%s: %d parked HTTP connections in %.0f MB of resident user-space memory (at most %.0f) with %d goroutines",
			verdict, row.Conns, mb(user), mb(limit), row.Idle.Goroutines)
	}
	return "not measured: there is no parked server in the report"
}

func mb(n uint64) float64  { return float64(n) / 1e6 }
func gib(n uint64) float64 { return float64(n) / (1 << 30) }
