// Package guest is a machine of one's own for more connections than a process
// may have descriptors: how it is made, and what runs in it.
package guest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/moor-net/moor/bench/measure"
)

// Task is what the guest is to do.
type Task struct {
	Server string // park or std
	Conns  int    // idle connections
	Sample int    // connections that make a request in the end
	// Opening is when connections are opened no more: those that are there are
	// what is measured.
	Opening time.Duration
	// IdleTimeout is http.Server's, 0 for none.
	IdleTimeout time.Duration
}

// The kernel passes what it does not know, and what has no dot in it, on to
// init's environment.
const (
	serverKey      = "moor_server"
	connsKey       = "moor_conns"
	sampleKey      = "moor_sample"
	openingKey     = "moor_opening"
	idleTimeoutKey = "moor_idletimeout"
)

// CommandLine is the task as a part of the kernel's command line. Times are in
// whole seconds, so there is no dot.
func (t Task) CommandLine() string {
	return fmt.Sprintf("%s=%s %s=%d %s=%d %s=%d %s=%d", serverKey, t.Server, connsKey, t.Conns, sampleKey, t.Sample,
		openingKey, t.Opening/time.Second, idleTimeoutKey, t.IdleTimeout/time.Second)
}

// parseTask reads the task out of an environment.
func parseTask(environment []string) (t Task, err error) {
	for _, entry := range environment {
		key, value, _ := strings.Cut(entry, "=")
		n, wrong := strconv.Atoi(value)
		switch key {
		case serverKey:
			t.Server, wrong = value, nil
		case connsKey:
			t.Conns = n
		case sampleKey:
			t.Sample = n
		case openingKey:
			t.Opening = time.Duration(n) * time.Second
		case idleTimeoutKey:
			t.IdleTimeout = time.Duration(n) * time.Second
		default:
			continue
		}
		if wrong != nil {
			return t, fmt.Errorf("%s: %w", key, wrong)
		}
	}
	if t.Conns < 1 || t.Server == "" {
		return t, fmt.Errorf("the kernel's command line has no %s or %s", connsKey, serverKey)
	}
	return t, nil
}

// ReportMark begins a line with what the guest has found so far. The last such
// line counts.
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
	// Asked is how many connections there should be, Conns how many were opened
	// in the time that there was or, if Full, in the guest's memory.
	Asked int  `json:"asked"`
	Conns int  `json:"conns"`
	Full  bool `json:"full,omitempty"`
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
		switch {
		case row.Failed != "":
			fmt.Fprintf(w, "%s: %s\n", row.Server, row.Failed)
		case row.Full:
			fmt.Fprintf(w, "%s: the guest's memory was full at %d of %d connections\n", row.Server, row.Conns, row.Asked)
		case row.Conns < row.Asked:
			fmt.Fprintf(w, "%s: the time for opening was over at %d of %d connections\n", row.Server, row.Conns, row.Asked)
		}
	}
	if !slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Server == "park" }) {
		return nil // the bars are all of that one
	}
	fmt.Fprintln(w)
	for _, bar := range r.Bars() {
		if _, err := fmt.Fprintln(w, bar); err != nil {
			return err
		}
	}
	return nil
}

// A Bar is what the parked server has to reach, what it came to, and whether it
// is met.
type Bar struct {
	Met         bool
	Value, Text string
}

// String is the bar in one line.
func (b Bar) String() string {
	verdict := "met"
	if !b.Met {
		verdict = "not met"
	}
	return fmt.Sprintf("%s: %s %s", verdict, b.Value, b.Text)
}

// Bars compares the parked server with what it is to reach. All are not met if
// it is not in the report, or has failed.
func (r *Report) Bars() []Bar {
	var row Row
	for _, one := range r.Rows {
		if one.Server == "park" {
			row = one
		}
	}
	limit := uint64(userLimit) * uint64(row.Asked) / 1_000_000
	all := row.Asked > 0 && row.Conns == row.Asked && row.Failed == ""
	used := row.Idle.Heap + row.Idle.Stack
	asked := row.Asked
	if asked == 0 {
		asked, limit = 1_000_000, userLimit
	}
	kept := fmt.Sprintf(" of a server with %d parked HTTP connections: at most ", asked)
	return []Bar{
		{all, fmt.Sprint(row.Conns), fmt.Sprintf("parked HTTP connections, of which a sample answers afterwards: at least %d", asked)},
		{all && used <= limit, fmt.Sprintf("%.0f", mb(used)), fmt.Sprintf("MB of heap and stacks%s%.0f", kept, mb(limit))},
		{all && row.Idle.RSS <= limit, fmt.Sprintf("%.0f", mb(row.Idle.RSS)), fmt.Sprintf("MB of resident memory%s%.0f", kept, mb(limit))},
		{all && row.Idle.Goroutines <= goroutineLimit, fmt.Sprint(row.Idle.Goroutines), fmt.Sprintf("goroutines%s%d", kept, goroutineLimit)},
	}
}

// goroutineLimit is for those of the runtime, the listener and the program:
// connections have none.
const goroutineLimit = 100

func mb(n uint64) float64  { return float64(n) / 1e6 }
func gib(n uint64) float64 { return float64(n) / (1 << 30) }
