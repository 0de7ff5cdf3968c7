// Package suite holds the measurements: what is measured with which servers,
// how the figures are summed up, and the bars that they have to meet.
package suite

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/moor-net/moor/bench/server"
)

// A Case is one setting in which servers are compared, a table of the report.
type Case struct {
	// Name is unique; bars, pictures and resumed runs find the case by it.
	Name string `json:"name"`
	// Measurement is the word for it on the command line.
	Measurement string `json:"measurement"`
	// Protocol is what the servers speak.
	Protocol server.Protocol `json:"protocol"`
	// Cores is GOMAXPROCS of the servers. With one, server and client are
	// pinned to a CPU each; with more nothing is pinned.
	Cores int `json:"cores"`
	// Servers names those that take part; all that speak the protocol if nil.
	Servers []string `json:"servers,omitempty"`

	// The load: see load.Config.
	Conns      int  `json:"conns,omitempty"`
	Background int  `json:"background,omitempty"`
	Depth      int  `json:"depth,omitempty"`
	Size       int  `json:"size,omitempty"`
	Rate       int  `json:"rate,omitempty"`
	Burst      int  `json:"burst,omitempty"`
	Churn      bool `json:"churn,omitempty"`
	// Processes is how many servers, each with a client and Conns connections.
	Processes int `json:"processes,omitempty"`

	// The server: see server.Config.
	Buf   int           `json:"buf,omitempty"`
	Grace time.Duration `json:"grace_ns,omitempty"`
	Hogs  int           `json:"hogs,omitempty"`

	// Rounds is how often each server has its turn; Warmup and Duration are
	// the parts of a turn.
	Rounds   int           `json:"rounds"`
	Warmup   time.Duration `json:"warmup_ns,omitempty"`
	Duration time.Duration `json:"duration_ns,omitempty"`
	// Calls is the number of requests of a run under strace, 0 for none.
	Calls int `json:"calls,omitempty"`

	// Figures are those that the table shows, the first one as a ratio to Base
	// too.
	Figures []string `json:"figures"`
	Base    string   `json:"base"`

	// run measures one server once.
	run runner
}

// A Plan is how much time there is.
type Plan struct {
	// Full is for every case and many rounds; otherwise there are fewer.
	Full bool
	// Rounds and Duration replace those of the cases, when not 0.
	Rounds   int
	Duration time.Duration
	// Conns, Sizes and Depths replace those of echo cases, when not empty.
	Conns, Sizes, Depths []int
	// Cores limits cases to those with so many, when not 0.
	Cores int
	// Idle is the number of connections of a process in idle cases, Processes
	// that of processes; defaults when 0.
	Idle, Processes int
}

// A measurement adds its cases to a plan.
type measurement struct {
	name, summary string
	cases         func(Plan) []Case
}

// measurements are in the order in which they are run and reported.
var measurements = []measurement{
	{"echo", "echo of small and large messages, few and many connections", echoCases},
	{"churn", "connections that make one request each", churnCases},
	{"http", "HTTP requests on connections that are kept", httpCases},
	{"park", "what parking costs HTTP connections: busy ones, and others in bursts", parkCases},
	{"tls", "HTTP requests over TLS", tlsCases},
	{"deadline", "what setting a deadline costs", deadlineCases},
	{"wakeup", "how often a server is put on a CPU, under a small load and idle", wakeupCases},
	{"tail", "latencies at a fixed rate, with thousands of idle connections beside", tailCases},
	{"compute", "a server whose process has other work to do", computeCases},
	{"transfer", "large transfers: write, sendfile, splice", transferCases},
	{"idle", "memory of idle connections", idleCases},
}

// Measurements calls f with name and summary of each measurement.
func Measurements(f func(name, summary string)) {
	for _, m := range measurements {
		f(m.name, m.summary)
	}
}

// Cases are those of the named measurement, or of all if the name is empty.
func Cases(name string, plan Plan) []Case {
	var cases []Case
	for _, m := range measurements {
		if name != "" && name != m.name {
			continue
		}
		for _, c := range m.cases(plan) {
			if plan.Cores != 0 && c.Cores != plan.Cores {
				continue
			}
			c.Measurement = m.name
			cases = append(cases, complete(c, plan))
		}
	}
	return cases
}

// complete fills in what most cases have in common.
func complete(c Case, plan Plan) Case {
	if c.Cores == 0 {
		c.Cores = 1
	}
	if c.Depth == 0 {
		c.Depth = 1
	}
	if c.Buf == 0 {
		c.Buf = 4096
	}
	if c.Grace == 0 {
		c.Grace = 5 * time.Second
	}
	if c.Base == "" {
		c.Base = "std"
	}
	if c.Rounds == 0 {
		c.Rounds = choose(plan, 3, 5)
	}
	if c.Duration == 0 {
		c.Duration = choose(plan, 300*time.Millisecond, time.Second)
	}
	if c.Warmup == 0 {
		c.Warmup = 100 * time.Millisecond
	}
	if plan.Rounds > 0 {
		c.Rounds = plan.Rounds
	}
	if plan.Duration > 0 {
		c.Duration = plan.Duration
	}
	if c.run == nil {
		c.run = underLoad
	}
	return c
}

// choose returns what a quick run, or a full one, has.
func choose[T any](plan Plan, quick, full T) T {
	if plan.Full {
		return full
	}
	return quick
}

// Expect lists cases with the time that each takes, and the sum.
func (r Run) Expect(w io.Writer, cases []Case) error {
	var sum time.Duration
	for _, c := range cases {
		servers, err := c.candidates(r.Only)
		if err != nil {
			return err
		}
		d := c.Expected(len(servers))
		sum += d
		fmt.Fprintf(w, "%s: %s (%d servers, about %.0f s)\n", c.Measurement, c.Name, len(servers), d.Seconds())
	}
	_, err := fmt.Fprintf(w, "in all about %.0f minutes\n", sum.Minutes())
	return err
}

// candidates are the servers that take part: those of only, if any are named.
func (c Case) candidates(only []string) ([]server.Server, error) {
	names := c.Servers
	if names == nil {
		names = server.Names()
	}
	var all []server.Server
	for _, name := range names {
		if len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		s, err := server.Lookup(name)
		if err != nil {
			return nil, err
		}
		if s.Speaks(c.Protocol) {
			all = append(all, s)
		}
	}
	return all, nil
}

// What a turn takes beside its load, as found by a run of everything.
const (
	startingTime   = 80 * time.Millisecond // two processes, and their ends
	connectionTime = 90 * time.Microsecond // to connect, make a request, and close
	tracingTime    = 1500 * time.Microsecond
)

// Expected is about how long the case takes with so many servers, on a machine
// like the one of docs/performance.md.
func (c Case) Expected(servers int) time.Duration {
	conns := (c.Conns + c.Background) * max(c.Processes, 1)
	turn := startingTime + time.Duration(conns)*connectionTime + c.Warmup + c.Duration
	return time.Duration(servers) * (time.Duration(c.Rounds)*turn + time.Duration(c.Calls)*tracingTime)
}

// cores is how a case's name says where it ran.
func cores(n int) string {
	if n == 1 {
		return "one core"
	}
	return fmt.Sprintf("%d cores", n)
}

// Connections writes a number of them.
func Connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return number(n) + " connections"
}

// number writes thousands apart.
func number(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", number(n/1000), n%1000)
}

// bytes writes a power of two.
func bytes(n int) string {
	if n >= 1024 && n%1024 == 0 {
		return fmt.Sprintf("%d KiB", n/1024)
	}
	return fmt.Sprintf("%d B", n)
}
