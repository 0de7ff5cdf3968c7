package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/bench/affinity"
	"github.com/moor-net/moor/bench/server"
	"github.com/moor-net/moor/bench/suite"
)

// everything is the name of the command without a name.
const everything = "all"

// measurements are the commands that measure: all of it, and each alone.
func measurements() []command {
	all := []command{{everything, "all measurements (also without any command)", func(args []string, _ io.Reader, stdout, stderr io.Writer) error {
		return measureNamed("", args, stdout, stderr)
	}}}
	suite.Measurements(func(name, summary string) {
		all = append(all, command{name, summary, func(args []string, _ io.Reader, stdout, stderr io.Writer) error {
			return measureNamed(name, args, stdout, stderr)
		}})
	})
	return all
}

// options is the command line of a measurement.
type options struct {
	plan suite.Plan
	run  suite.Run
	out  string
	list bool
	// check makes bars that are not met an error.
	check bool
}

// measureNamed measures what name says, or everything.
func measureNamed(name string, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(name, args, stdout)
	if err != nil {
		return err
	}
	cases := suite.Cases(name, o.plan)
	if o.list {
		return o.run.Expect(stdout, cases)
	}
	results := new(suite.Results)
	save := func() error { return nil }
	if o.out != "" {
		if results, err = suite.ReadResults(o.out); err != nil {
			return err
		}
		save = func() error { return results.Write(o.out) }
	}
	if len(results.Outcomes) == 0 {
		results.Machine, results.Date = machine(), time.Now().UTC().Format(time.DateOnly)
	}
	results.Noise = o.run.Noise
	dir, err := os.MkdirTemp("", "moor-bench-")
	if err != nil {
		return err
	}
	o.run.Bench.Dir = dir
	// What was found is kept and printed even if the run is interrupted.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	err = o.run.Execute(ctx, cases, results, stderr, save)
	return errors.Join(err, os.RemoveAll(dir), tell(results, stdout, name == "", o.check))
}

// tell prints tables and bars. With check it is an error if bars are not met,
// or not known to be.
func tell(results *suite.Results, stdout io.Writer, all, check bool) error {
	if err := results.Report(stdout); err != nil {
		return err
	}
	lines := results.Lines()
	if all {
		more, err := millionLines(millionFile)
		if err != nil {
			return err
		}
		lines = append(lines, more...)
	}
	tally, err := suite.ReportBars(stdout, lines, all)
	if err == nil && check && tally.Missed+tally.Noisy+tally.Unmeasured > 0 {
		err = errors.New(tally.String())
	}
	return err
}

func parseOptions(name string, args []string, stdout io.Writer) (o options, err error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	quick := flags.Bool("quick", false, "few cases and short turns: under ten minutes for everything (the default)")
	flags.BoolVar(&o.plan.Full, "full", false, "all cases, long turns: under an hour for everything")
	flags.StringVar(&o.out, "out", "", "`file` of results in JSON: what it has already is not measured again")
	only := flags.String("servers", "", "`names` of servers to measure, such as moor,std; all without")
	flags.Func("server", "`name=command` of a program to measure too: an echo server that listens on the address put in place of {addr}, or at the end", addForeign)
	flags.IntVar(&o.plan.Rounds, "rounds", 0, "`number` of turns of each server in each case; 0 for the plan's")
	flags.DurationVar(&o.plan.Duration, "duration", 0, "measured `time` of a turn; 0 for the plan's")
	flags.IntVar(&o.plan.Cores, "cores", 0, "`number` of cores (GOMAXPROCS) of cases: with 1 server and client are pinned to a CPU each, with more nothing is; 0 for all")
	conns := flags.String("conns", "", "echo: `numbers` of connections instead of the plan's")
	sizes := flags.String("sizes", "", "echo: sizes of messages in `bytes` instead of the plan's")
	depths := flags.String("depths", "", "echo: `numbers` of requests that a connection has on their way")
	flags.IntVar(&o.plan.Idle, "idle", 0, "idle: `number` of connections of a process; 0 for the plan's")
	flags.IntVar(&o.plan.Processes, "processes", 1, "idle: `number` of server processes, with a client process each")
	noise := flags.Float64("noise", 10, "`per cent` of one CPU that may go to others in a quiet turn; others are left out of the figures")
	flags.BoolVar(&o.list, "list", false, "only list the cases, with the time that they take")
	flags.BoolVar(&o.check, "check", false, "exit with status 1 unless all bars are met")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			usage(stdout, flags)
		}
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *quick && o.plan.Full:
		return o, errors.New("-quick and -full: one of the two")
	case o.plan.Duration < 0:
		return o, fmt.Errorf("-duration %v: must be a time", o.plan.Duration)
	}
	for _, number := range []struct {
		name         string
		value, least int
	}{
		{"rounds", o.plan.Rounds, 0}, {"cores", o.plan.Cores, 0}, {"idle", o.plan.Idle, 0}, {"processes", o.plan.Processes, 1},
	} {
		if number.value < number.least {
			return o, fmt.Errorf("-%s %d: must be at least %d", number.name, number.value, number.least)
		}
	}
	for _, list := range []struct {
		name, text string
		to         *[]int
	}{{"conns", *conns, &o.plan.Conns}, {"sizes", *sizes, &o.plan.Sizes}, {"depths", *depths, &o.plan.Depths}} {
		if *list.to, err = parseNumbers(list.name, list.text); err != nil {
			return o, err
		}
	}
	if err := enough(append([]int{o.plan.Idle}, o.plan.Conns...)); err != nil {
		return o, err
	}
	if *only != "" {
		o.run.Only = strings.Split(*only, ",")
		for _, name := range o.run.Only {
			if _, err := server.Lookup(name); err != nil {
				return o, err
			}
		}
	}
	o.run.Noise = *noise / 100
	if o.run.Bench.Exe, err = os.Executable(); err != nil {
		return o, err
	}
	return o, place(&o.run, o.plan)
}

func addForeign(text string) error {
	name, command, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("is not name=command")
	}
	return server.Foreign(name, strings.Fields(command))
}

// parseNumbers reads a list of positive numbers; none is an empty list.
func parseNumbers(name, list string) ([]int, error) {
	if list == "" {
		return nil, nil
	}
	var numbers []int
	for _, field := range strings.Split(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-%s: bad number %q", name, field)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// spareDescriptors is what a server or a client opens besides connections.
const spareDescriptors = 32

// enough refuses numbers of connections for which a process has not enough
// descriptors.
func enough(conns []int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	for _, n := range conns {
		// The Go runtime of either process raises the soft limit to the hard one.
		if uint64(n)+spareDescriptors > limit.Max {
			return fmt.Errorf("%d connections need %d descriptors, the limit of a process is %d (ulimit -Hn)", n, n+spareDescriptors, limit.Max)
		}
	}
	return nil
}

// place decides on which CPUs server and client run when they are pinned.
func place(r *suite.Run, plan suite.Plan) error {
	cpus, err := affinity.Allowed()
	if err != nil {
		return err
	}
	if len(cpus) < 2 {
		if plan.Cores > 1 {
			return nil
		}
		return fmt.Errorf("with one core, server and client need a CPU each, and this process may run on %v only; -cores 2 pins nothing", cpus)
	}
	r.ServerCPUs, r.ClientCPUs = strconv.Itoa(cpus[0]), strconv.Itoa(cpus[1])
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

func usage(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprintln(w, "usage: bench [command] [flags]; without a command everything is measured\n\ncommands:")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range append(measurements(), commands...) {
		fmt.Fprintf(t, "  %s\t%s\n", c.name, c.summary)
	}
	t.Flush()
	fmt.Fprintln(w, "\nflags of measurements:")
	flags.SetOutput(w)
	flags.PrintDefaults()
}

// report prints what a file has.
func report(args []string, _ io.Reader, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	in := flags.String("in", defaultFile, "`file` of results")
	check := flags.Bool("check", false, "exit with status 1 unless all bars are met")
	if err := parseFlags(flags, args, stdout); err != nil {
		return err
	}
	results, err := readFile(*in)
	if err != nil {
		return err
	}
	return tell(results, stdout, true, *check)
}

// defaultFile is where the results are that the pictures were made from.
const defaultFile = "docs/bench.json"

// readFile refuses a file that is not there.
func readFile(name string) (*suite.Results, error) {
	if _, err := os.Stat(name); err != nil {
		return nil, fmt.Errorf("%w (go run ./bench -out %s makes it)", err, name)
	}
	return suite.ReadResults(name)
}

func parseFlags(flags *flag.FlagSet, args []string, stdout io.Writer) error {
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stdout)
		flags.Usage()
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return err
}

// servers lists them, with what keeps one from being measured here.
func servers(args []string, _ io.Reader, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("servers", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if err := parseFlags(flags, args, stdout); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "moor-bench-")
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, name := range server.Names() {
		s, err := server.Lookup(name)
		if err != nil {
			return err
		}
		about := s.About
		if s.Command != nil {
			if _, err := s.Command(dir); err != nil {
				about += ": " + err.Error()
			}
		}
		fmt.Fprintf(t, "%s\t%s\n", name, about)
	}
	return errors.Join(t.Flush(), os.RemoveAll(dir))
}
