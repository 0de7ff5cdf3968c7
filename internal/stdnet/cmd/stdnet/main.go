// Stdnet runs Go's own tests of package net against this library: each test
// once over std and once over the library. It exits with status 1 if a test
// that passes over std does not pass over the library, or if too few tests
// ran. See the documentation of the package around it.
//
// Usage, anywhere in the module:
//
//	go run ./internal/stdnet/cmd/stdnet [flags]
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/moor-net/moor/internal/stdnet"
	"github.com/moor-net/moor/internal/wine"
)

// options are the command's flags.
type options struct {
	toolchain stdnet.Toolchain
	runner    stdnet.Runner
	run       string
	floor     int
	keep      string
	complete  bool
	all       bool
	verbose   bool
	wine      bool
}

func main() {
	var o options
	flag.StringVar(&o.toolchain.GOOS, "goos", "", "generate and build for this system instead of the one the go command builds for")
	flag.StringVar(&o.toolchain.GOARCH, "goarch", "", "likewise, the architecture")
	flag.BoolVar(&o.runner.Race, "race", false, "run with the race detector")
	flag.BoolVar(&o.runner.Short, "short", false, "run the tests in short mode")
	flag.IntVar(&o.runner.Count, "count", 1, "run each test this many times; its worst outcome counts")
	flag.DurationVar(&o.runner.Timeout, "timeout", 5*time.Minute, "bound for the run over std, and for the one over the library")
	flag.StringVar(&o.runner.Exec, "exec", "", "start the test through this program, as go test's -exec")
	flag.StringVar(&o.runner.Overlay, "overlay", "", "build the tests with this overlay, as go test's -overlay; an absolute path")
	flag.StringVar(&o.run, "run", "", "run only the tests, or test/subtests, that match; there is no floor then")
	flag.IntVar(&o.floor, "floor", 100, "fail if fewer tests than this ran over the library")
	flag.StringVar(&o.keep, "keep", "", "write the generated packages into this directory, which must be empty or new, and leave them there")
	flag.BoolVar(&o.complete, "complete", false, "fail also if the library has not got one of the names that it should replace")
	flag.BoolVar(&o.all, "all", false, "run also the tests that use nothing which the library replaces")
	flag.BoolVar(&o.wine, "wine", false, "run the tests for Windows under Wine, in short mode: see package wine")
	flag.BoolVar(&o.verbose, "v", false, "print all tests and subtests, and the reasons of those that were dropped")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	start := run
	if o.wine {
		start = underWine
	}
	if err := start(&o); err != nil {
		fmt.Fprintln(os.Stderr, "stdnet:", err)
		os.Exit(1)
	}
}

// underWine is run for Windows.
func underWine(o *options) (err error) {
	if o.runner.Race {
		if err := wine.Check([]string{"-race"}); err != nil {
			return err
		}
	}
	s, err := wine.Start(wine.Config{Go: o.toolchain.Go, Log: logf})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	o.toolchain.GOOS, o.toolchain.GOARCH, o.toolchain.Env = "windows", "amd64", s.Environ()
	if o.runner.Race {
		o.toolchain.Env = append(o.toolchain.Env, "CGO_ENABLED=1", "CC="+wine.Compiler)
	}
	o.runner.Exec, o.runner.Overlay, o.runner.Short = s.Exec(), s.Overlay, true
	return run(o)
}

func logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// run generates the suite, runs it and prints the report.
func run(o *options) error {
	suite, err := stdnet.Generate(stdnet.Config{Toolchain: o.toolchain, Dir: "."})
	if err != nil {
		return err
	}
	stdnet.ReportSuite(os.Stdout, suite, o.verbose)
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "stdnet"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	if err := suite.Write(dir); err != nil {
		return err
	}
	tests, subtests, err := stdnet.Select(suite.Tests, o.run, o.all)
	if err != nil {
		return err
	}
	o.runner.Toolchain, o.runner.Dir, o.runner.Subtests = o.toolchain, dir, subtests
	o.runner.Log = logf
	rows, err := o.runner.RunBoth(tests)
	if err != nil {
		return err
	}
	stdnet.Report(os.Stdout, rows, o.verbose)
	return verdict(o, suite, rows)
}

// verdict is nil if the library does what std does, as far as was seen.
func verdict(o *options, suite *stdnet.Scratch, rows []stdnet.Row) error {
	floor := o.floor
	if o.run != "" {
		floor = 1
	}
	errs := []error{stdnet.Baseline(rows)}
	if n := len(stdnet.Regressions(rows)); n > 0 {
		errs = append(errs, fmt.Errorf("%d tests pass over std and not over the library", n))
	}
	if ran := stdnet.Ran(rows); ran < floor {
		errs = append(errs, fmt.Errorf("%d tests ran over the library, at least %d should", ran, floor))
	}
	if o.complete && len(suite.Missing) > 0 {
		errs = append(errs, fmt.Errorf("the library has not got %d of the names it should replace", len(suite.Missing)))
	}
	return errors.Join(errs...)
}
