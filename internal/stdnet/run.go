package stdnet

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Runner runs a written suite with the go command.
type Runner struct {
	Toolchain Toolchain
	// Dir is where the suite was written.
	Dir string
	// Race, Short, Count, Exec and Overlay are the flags of go test.
	Race, Short   bool
	Count         int
	Exec, Overlay string
	// Subtests is what go test's -run gets after the name of the test.
	Subtests string
	// Timeout bounds one test process, and raceFactor times as much one with
	// the race detector.
	Timeout time.Duration
	// Log, if not nil, is told what is going on.
	Log func(format string, args ...any)

	// start runs tests in one process; nil means goTest.
	start func(over string, names []string, timeout time.Duration) (*eventLog, error)
}

// timedOut is how package testing reports that its own bound was reached.
const timedOut = "panic: test timed out after "

// wholeProcess is the name under which the fate of the test process itself is
// kept among the results.
const wholeProcess = "(the test process)"

const (
	// maxRounds bounds how often the rest of the tests is started again after
	// a crash.
	maxRounds = 10
	// maxRetries bounds the tests, subtests counted, that are run once more.
	maxRetries = 50
	// raceFactor is how much longer tests may take with the race detector.
	raceFactor = 3
	// apartTimeout bounds a test that runs on its own.
	apartTimeout = 2 * time.Minute
	// buildTimeout is granted to the compiler on top of a test's own time.
	buildTimeout = 5 * time.Minute
)

// Run runs the named tests over std or the library. Every name is among the
// results afterwards. Tests that a crash of the process left unfinished are
// run again, those that were under way each on its own; the crash stays on
// record, also if they all pass then.
func (r *Runner) Run(over string, names []string) (Results, error) {
	results := make(Results)
	for round := 0; len(names) > 0; round++ {
		if round == maxRounds {
			for _, name := range names {
				results.add(name, Result{Crash, "not run: the process crashed too often\n"})
			}
			break
		}
		log, err := r.process(over, names, r.Timeout)
		if err != nil {
			return nil, err
		}
		if round == 0 && len(log.results) == 0 && len(log.started) == 0 {
			return nil, fmt.Errorf("no test over %s was started:\n%s", over, log.other.String())
		}
		names = r.collect(over, names, log, results)
	}
	return results, nil
}

// collect takes over the outcomes of one process, runs apart what was under
// way when it ended, and returns what it did not get to.
func (r *Runner) collect(over string, names []string, log *eventLog, results Results) []string {
	failed := false
	for name, res := range log.results {
		results.add(name, res)
		failed = failed || res.Outcome == Fail
	}
	unfinished := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := log.results[name]
		return ok
	})
	switch {
	case len(unfinished) > 0:
		remains, why := log.remains(), "ended"
		if strings.Contains(remains, timedOut) {
			why = "ran out of time"
		}
		r.logf("%s: the process %s with %d tests unfinished", over, why, len(unfinished))
		results.add(wholeProcess, Result{Crash, remains})
	case log.failed && !failed:
		results.add(wholeProcess, Result{Fail, log.remains()})
	default:
		results.add(wholeProcess, Result{Outcome: Pass})
	}
	var rest []string
	apart := 0
	for _, name := range unfinished {
		if !log.started[name] || log.paused[name] {
			rest = append(rest, name)
			continue
		}
		apart++
		r.logf("%s: %s again, apart", over, name)
		maps.Copy(results, r.apart(over, name))
	}
	if apart == 0 && len(rest) == len(names) {
		for _, name := range rest {
			results.add(name, Result{Crash, "not run: the process ended before any test\n"})
		}
		return nil
	}
	return rest
}

// apart runs one test in a process of its own.
func (r *Runner) apart(over, name string) Results {
	log, err := r.process(over, []string{name}, min(r.Timeout, apartTimeout))
	if err != nil {
		return Results{name: {Crash, err.Error()}}
	}
	results := log.results
	if _, ok := results[name]; !ok {
		results[name] = Result{Crash, log.remains()}
	}
	return results
}

// retry runs the tests that failed once more, each on its own, and returns
// what came of it.
func (r *Runner) retry(over string, results Results) Results {
	again := make(Results)
	for _, name := range slices.Sorted(maps.Keys(results)) {
		if results[name].Outcome != Fail || strings.Contains(name, "/") || name == wholeProcess {
			continue
		}
		r.logf("%s: %s failed, once more on its own", over, name)
		maps.Copy(again, r.apart(over, name))
		if len(again) >= maxRetries {
			break
		}
	}
	return again
}

// process runs the named tests in one process.
func (r *Runner) process(over string, names []string, timeout time.Duration) (*eventLog, error) {
	if r.start != nil {
		return r.start(over, names, timeout)
	}
	return r.goTest(over, names, timeout)
}

// goTest runs the named tests in one process and follows its events.
func (r *Runner) goTest(over string, names []string, timeout time.Duration) (*eventLog, error) {
	if r.Race {
		timeout *= raceFactor
	}
	pattern := "^(" + strings.Join(names, "|") + ")$"
	if r.Subtests != "" {
		pattern += "/" + r.Subtests
	}
	args := []string{"test", "-mod=mod", "-vet=off", "-json", "-run", pattern,
		"-count", fmt.Sprint(max(r.Count, 1)), "-timeout", timeout.String()}
	if r.Race {
		args = append(args, "-race")
	}
	if r.Short {
		args = append(args, "-short")
	}
	if r.Exec != "" {
		args = append(args, "-exec", r.Exec)
	}
	if r.Overlay != "" {
		args = append(args, "-overlay", r.Overlay)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout+buildTimeout)
	defer cancel()
	prepared := r.Toolchain.command(filepath.Join(r.Dir, over, "net"), append(args, ".")...)
	cmd := exec.CommandContext(ctx, prepared.Path, prepared.Args[1:]...)
	cmd.Dir, cmd.Env = prepared.Dir, prepared.Env
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	log, err := readEvents(stdout)
	// The exit status adds nothing to the events, and a process that was
	// killed shows in the tests that have no outcome.
	if waitErr := cmd.Wait(); waitErr != nil && stderr.Len() > 0 {
		log.print("", stderr.String())
	}
	return log, err
}

func (r *Runner) logf(format string, args ...any) {
	if r.Log != nil {
		r.Log(format, args...)
	}
}

// remains is what a process left that belongs to no finished test.
func (log *eventLog) remains() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(log.output)) {
		b.WriteString(log.output[name].String())
	}
	b.WriteString(log.other.String())
	return b.String()
}

// RunBoth runs the tests over std and, those that compile, over the library.
//
// What fails is run once more on its own. Over std that may turn it into a
// pass, for the baseline should not depend on how busy the machine is. Over
// the library it changes nothing but is noted.
func (r *Runner) RunBoth(tests []Test) ([]Row, error) {
	var all, compiling []string
	for _, t := range tests {
		all = append(all, t.Name)
		if t.Lost == "" {
			compiling = append(compiling, t.Name)
		}
	}
	std, err := r.Run(OverStd, all)
	if err != nil {
		return nil, err
	}
	for name, res := range r.retry(OverStd, std) {
		if res.Outcome == Pass {
			std[name] = res
		}
	}
	library, err := r.Run(OverLibrary, compiling)
	if err != nil {
		return nil, err
	}
	worse := maps.Clone(library)
	maps.DeleteFunc(worse, func(name string, _ Result) bool { return std[name].Outcome != Pass })
	again := r.retry(OverLibrary, worse)
	rows := Compare(tests, std, library)
	for i := range rows {
		rows[i].Again = again[rows[i].Name].Outcome
	}
	return rows, nil
}

// Select returns the tests that a -run pattern asks for, and the part of the
// pattern that is about their subtests. Tests that do not concern the library
// are left out unless all is set: what they show is about std alone.
func Select(tests []Test, pattern string, all bool) (selected []Test, subtests string, err error) {
	pattern, subtests, _ = strings.Cut(pattern, "/")
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, "", err
	}
	for _, t := range tests {
		if (all || t.Concerns) && re.MatchString(t.Name) {
			selected = append(selected, t)
		}
	}
	return selected, subtests, nil
}
