package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/bench/affinity"
	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
)

// spareDescriptors is what a server or a client opens besides connections.
const spareDescriptors = 32

// comparison is the command line of the echo command.
type comparison struct {
	a, b  string
	conns []int
	pairs int
	calls int // requests under strace, 0 for none
	json  string
	setup measure.Setup
}

// echo compares two echo servers.
func echo(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	c, err := parseEcho(args, stdout)
	if err != nil {
		return err
	}
	report := measure.Report{A: c.a, B: c.b, Machine: machine(), Setup: c.setup}
	for _, conns := range c.conns {
		row, err := c.setup.Row(c.a, c.b, conns, c.pairs, func(n int, p measure.Pair) {
			fmt.Fprintf(stderr, "%d connections, pair %d of %d: %s %.2f µs, %s %.2f µs, ratio %.3f, %.1f %% of a CPU elsewhere\n",
				conns, n, c.pairs, c.a, measure.CPUPerRequest(p.A), c.b, measure.CPUPerRequest(p.B), p.Ratio, 100*p.Elsewhere)
		})
		if err != nil {
			return err
		}
		if report.NoCalls, err = c.count(&row, stderr); err != nil {
			return err
		}
		report.Rows = append(report.Rows, row)
	}
	if err := report.Write(stdout); err != nil {
		return err
	}
	if c.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(report, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(c.json, append(text, '\n'), 0o666)
}

// count adds system calls per request to row, or says why it cannot.
func (c comparison) count(row *measure.Row, stderr io.Writer) (reason string, err error) {
	if c.calls == 0 {
		return "-calls is 0", nil
	}
	fmt.Fprintf(stderr, "%d connections: counting system calls\n", row.Conns)
	for _, side := range []struct {
		impl    string
		figures *measure.Figures
	}{{c.a, &row.A}, {c.b, &row.B}} {
		side.figures.Calls, err = c.setup.CountCalls(side.impl, row.Conns, c.calls)
		if errors.Is(err, measure.ErrNoStrace) {
			fmt.Fprintln(stderr, err)
			return err.Error(), nil
		}
		if err != nil {
			return "", fmt.Errorf("%s, %d connections, under strace: %w", side.impl, row.Conns, err)
		}
	}
	return "", nil
}

// parseEcho reads and checks the flags, and looks at what the machine has to
// offer for them.
func parseEcho(args []string, stdout io.Writer) (comparison, error) {
	var c comparison
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	names := strings.Join(server.Names(), ", ")
	flags.StringVar(&c.a, "a", "moor", "first `server` of each pair: "+names)
	flags.StringVar(&c.b, "b", "std", "second `server` of each pair, what the first is compared with")
	conns := flags.String("conns", "1,8,64,1000", "`numbers` of connections, a row of the table for each")
	flags.IntVar(&c.setup.Size, "size", 64, "size of a request and of its answer in `bytes`")
	flags.IntVar(&c.setup.Depth, "depth", 1, "`requests` each connection has on their way at any time")
	flags.IntVar(&c.setup.Buf, "buf", 4096, "size of the server's read buffer per connection in `bytes`")
	flags.IntVar(&c.pairs, "pairs", 5, "`number` of pairs of runs for each row")
	flags.DurationVar(&c.setup.Duration, "duration", 2*time.Second, "measured `time` of a run")
	flags.DurationVar(&c.setup.Warmup, "warmup", 300*time.Millisecond, "`time` under load before a run is measured")
	cores := flags.Int("cores", 1, "1: server with GOMAXPROCS=1 pinned to a CPU, client to another; 2 or more: `GOMAXPROCS` of the server, nothing pinned")
	flags.IntVar(&c.calls, "calls", 2000, "`requests` of the run under strace that counts system calls, 0 for no such run")
	noise := flags.Float64("noise", 5, "`per cent` of one CPU that may go to others in a quiet pair; noisy pairs are left out of the figures")
	flags.StringVar(&c.json, "json", "", "`file` to write every run and figure to")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stdout)
			flags.Usage()
		}
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	for _, number := range []struct {
		name         string
		value, least int
	}{
		{"size", c.setup.Size, 1}, {"depth", c.setup.Depth, 1}, {"buf", c.setup.Buf, 1},
		{"pairs", c.pairs, 1}, {"cores", *cores, 1}, {"calls", c.calls, 0},
	} {
		if number.value < number.least {
			return c, fmt.Errorf("-%s %d: must be at least %d", number.name, number.value, number.least)
		}
	}
	if c.setup.Duration <= 0 || c.setup.Warmup < 0 {
		return c, fmt.Errorf("-duration %v, -warmup %v: must be a time", c.setup.Duration, c.setup.Warmup)
	}
	c.setup.Noise = *noise / 100
	for _, impl := range []string{c.a, c.b} {
		if _, err := server.Lookup(impl); err != nil {
			return c, err
		}
	}
	var err error
	if c.conns, err = parseConns(*conns); err != nil {
		return c, err
	}
	if c.setup.Exe, err = os.Executable(); err != nil {
		return c, err
	}
	return c, place(&c.setup, *cores)
}

// parseConns reads a list of numbers of connections and refuses those for
// which a process has not enough descriptors.
func parseConns(list string) ([]int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, os.NewSyscallError("getrlimit", err)
	}
	var conns []int
	for _, field := range strings.Split(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-conns: bad number %q", field)
		}
		// The Go runtime of either process raises the soft limit to the hard one.
		if uint64(n)+spareDescriptors > limit.Max {
			return nil, fmt.Errorf("-conns %d: needs %d descriptors, the limit of a process is %d (ulimit -Hn)", n, n+spareDescriptors, limit.Max)
		}
		conns = append(conns, n)
	}
	return conns, nil
}

// place decides on which CPUs server and client run.
func place(s *measure.Setup, cores int) error {
	cpus, err := affinity.Allowed()
	if err != nil {
		return err
	}
	s.Procs = cores
	if cores > 1 {
		return nil
	}
	if len(cpus) < 2 {
		return fmt.Errorf("-cores 1: server and client need a CPU each, this process may run on %v only", cpus)
	}
	s.ServerCPUs, s.ClientCPUs = strconv.Itoa(cpus[0]), strconv.Itoa(cpus[1])
	return nil
}

// machine describes where the figures come from.
func machine() string {
	kernel := "unknown kernel"
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		kernel = "Linux " + unix.ByteSliceToString(u.Release[:])
	}
	return fmt.Sprintf("%s, %s, %s, %d CPUs", runtime.Version(), runtime.GOARCH, kernel, runtime.NumCPU())
}
