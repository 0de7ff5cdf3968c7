package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moor-net/moor/bench/affinity"
	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
	"github.com/moor-net/moor/bench/suite"
)

// The commands execute themselves again as server and client, which is this
// test's binary here.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"server", "client", "exec", "setdeadline"}, os.Args[1]) {
		main()
	}
	// A process under the race detector lingers for a second at its end by
	// default; there are many processes here.
	os.Setenv("GORACE", strings.TrimSpace("atexit_sleep_ms=0 "+os.Getenv("GORACE")))
	os.Exit(m.Run())
}

func bench(args ...string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	status = run(args, strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

func TestBadCommandLinesAreOneLineAndStatusOne(t *testing.T) {
	for _, test := range []struct{ line, says string }{
		{"fly", "unknown command"},
		{"-fly", "not defined: -fly"},
		{"echo -fly", "not defined: -fly"},
		{"echo std", `unexpected argument "std"`},
		{"echo -servers nobody", `no server named "nobody"`},
		{"echo -server nobody", "is not name=command"},
		{"echo -server std=true", "bad name"},
		{"echo -conns 1,x", `-conns: bad number "x"`},
		{"echo -conns 0", `-conns: bad number "0"`},
		{"echo -conns 1000000000", "the limit of a process is"},
		{"idle -idle 1000000000", "the limit of a process is"},
		{"echo -rounds -1", "-rounds -1: must be at least 0"},
		{"echo -sizes 0", `-sizes: bad number "0"`},
		{"echo -depths -1", `-depths: bad number "-1"`},
		{"echo -cores -1", "-cores -1: must be at least 0"},
		{"echo -duration -1s", "must be a time"},
		{"echo -duration fast", "invalid value"},
		{"-quick -full", "one of the two"},
		{"idle -processes 0", "-processes 0: must be at least 1"},
		{"report -in /nowhere", "no such file"},
		{"plot -in /nowhere", "no such file"},
		{"simulate -n 0", "must be at least 1"},
		{"million -n 0 -std 0", "must be at least 0, one of them"},
		{"million -n -1", "must be at least 0"},
		{"servers now", `unexpected argument "now"`},
		{"exec", "no program given"},
		{"exec -procs 0 true", "-procs 0: must be at least 1"},
		{"exec no-such-program", "no-such-program"},
		{"setdeadline -impl nobody", `no server named "nobody"`},
		{"setdeadline -impl event", "has no net.Listener"},
		{"server -protocol gopher", "does not run gopher"},
		{"server -hogs -1", "-hogs -1: must be at least 0"},
		{"server -impl nobody", `no server named "nobody"`},
		{"server -procs 0", "-procs 0: must be at least 1"},
		{"server -cpus x", `bad CPU "x"`},
		{"server now", `unexpected argument "now"`},
		{"client", "-addr"},
		{"client -addr 127.0.0.1:1 -conns 0", "-conns 0: must be at least 1"},
		{"client now", `unexpected argument "now"`},
	} {
		status, stdout, stderr := bench(strings.Fields(test.line)...)
		if status != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.says) {
			t.Errorf("bench %s: status %d, stdout %q, stderr %q", test.line, status, stdout, stderr)
		}
	}
}

func TestHelpExplainsEveryFlag(t *testing.T) {
	for line, words := range map[string][]string{
		"-h":        {"echo", "idle", "report", "servers", "-quick", "-full", "-out"},
		"echo -h":   {"-servers", "-server", "-conns", "-sizes", "-depths", "-rounds", "-duration", "-cores", "-noise", "-list"},
		"report -h": {"-in", "-check"},
		"server -h": {"-impl", "-protocol", "-addr", "-procs", "-buf", "-cpus", "-grace", "-keepalive", "-hogs", "-free", "-cpuprofile"},
		"client -h": {"-addr", "-pid", "-protocol", "-conns", "-background", "-depth", "-size", "-rate", "-burst", "-churn", "-crowd", "-opening", "-reserve", "-warmup", "-duration", "-requests", "-cpus"},
	} {
		status, stdout, stderr := bench(strings.Fields(line)...)
		if status != 0 || stderr != "" {
			t.Errorf("bench %s: status %d, stderr %q", line, status, stderr)
		}
		for _, word := range words {
			if !strings.Contains(stdout, "  "+word) {
				t.Errorf("bench %s does not mention %s", line, word)
			}
		}
	}
}

// needTwoCPUs is for what pins server and client to a CPU each.
func needTwoCPUs(t *testing.T) {
	t.Helper()
	if cpus, err := affinity.Allowed(); err != nil || len(cpus) < 2 {
		t.Skipf("pinning server and client needs two CPUs, there are %v (%v)", cpus, err)
	}
}

// A run that is interrupted and begun again ends with the same cases.
func TestResultsAreKeptAndResumed(t *testing.T) {
	needTwoCPUs(t)
	file := filepath.Join(t.TempDir(), "results.json")
	args := []string{"echo", "-servers", "std,moor", "-conns", "1,5", "-sizes", "100", "-depths", "2", "-rounds", "2",
		"-duration", "50ms", "-cores", "1", "-out", file}
	status, stdout, stderr := bench(args...)
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if turns := strings.Count(stderr, "  round "); turns != 2*2*2 {
		t.Errorf("%d turns:\n%s", turns, stderr)
	}
	for _, name := range []string{"echo of 100 B, 1 connection, one core, 2 at once", "echo of 100 B, 5 connections, one core, 2 at once", "by std"} {
		if !strings.Contains(stdout, name) {
			t.Errorf("no %q in the report:\n%s", name, stdout)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var results suite.Results
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatal(err)
	}
	if len(results.Outcomes) != 2 {
		t.Fatalf("%d outcomes in %s", len(results.Outcomes), text)
	}
	for _, o := range results.Outcomes {
		for _, name := range []string{"std", "moor"} {
			if s, _, ok := o.Median(name, "cpu_us", results.Noise); !ok || s.Median <= 0 || len(o.Rounds) != 2 {
				t.Errorf("%s, %s: CPU per request %+v in %d rounds", o.Case.Name, name, s, len(o.Rounds))
			}
		}
	}
	status, again, stderr := bench(args...)
	if status != 0 || strings.Contains(stderr, "  round ") || again != stdout {
		t.Errorf("again: status %d, stderr %s, report %s", status, stderr, again)
	}
	tables, _, _ := strings.Cut(stdout, "\nBars\n")
	status, again, stderr = bench("report", "-in", file)
	if status != 0 || !strings.HasPrefix(again, tables) || strings.Count(again, suite.NotMeasured) < len(suite.Bars()) {
		t.Errorf("report: status %d, stderr %s, report %s", status, stderr, again)
	}
	// Bars that nothing is known of are not met.
	status, again, stderr = bench("report", "-in", file, "-check")
	if status != 1 || !strings.HasPrefix(again, tables) || !strings.Contains(stderr, " bars 0 are met") {
		t.Errorf("report -check: status %d, stderr %s, report %s", status, stderr, again)
	}
}

// One turn of everything, with small numbers.
func TestEveryCaseRuns(t *testing.T) {
	needTwoCPUs(t)
	file := filepath.Join(t.TempDir(), "results.json")
	status, stdout, stderr := bench("-servers", "std,moor,park,burst,c-epoll", "-conns", "20", "-sizes", "64", "-depths", "1", "-idle", "50",
		"-rounds", "1", "-duration", "30ms", "-out", file)
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	results, err := suite.ReadResults(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range suite.Cases("", suite.Plan{Conns: []int{20}}) {
		o := results.Outcome(c.Name)
		if o == nil {
			t.Errorf("%s was not measured", c.Name)
			continue
		}
		for name, why := range o.Missing {
			if name != "c-epoll" { // there may be no compiler
				t.Errorf("%s: %s is missing: %s", c.Name, name, why)
			}
		}
	}
	t.Log(stdout)
}

func TestForeignProgramIsMeasured(t *testing.T) {
	if _, err := exec.LookPath("socat"); err != nil {
		t.Skipf("socat is missing: %v", err)
	}
	script := filepath.Join(t.TempDir(), "echo")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec socat TCP-LISTEN:${1#*:},bind=${1%:*},reuseaddr,fork PIPE\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := bench("echo", "-server", "relay="+script+" {addr}", "-server", "broken=false", "-servers", "relay,broken",
		"-conns", "2", "-rounds", "1", "-duration", "50ms", "-cores", "2")
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if !strings.Contains(stdout, "relay  ") || !strings.Contains(stdout, "broken: not measured") {
		t.Errorf("report:\n%s", stdout)
	}
}

func TestSystemCallsPerRequest(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skipf("strace is missing: %v", err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	std, err := server.Lookup("std")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	const requests = 200
	calls, err := measure.Bench{Exe: exe}.CountCalls(ctx, measure.ServerSpec{Server: std, Protocol: server.Echo, Procs: 1, Buf: 4096},
		measure.LoadSpec{Protocol: server.Echo, Conns: 4, Size: 64, Warmup: 20 * time.Millisecond}, requests)
	if err != nil {
		t.Fatal(err)
	}
	// Go's net makes one write for each, and at least one read.
	if calls["write"] != 1 || calls["read"] < 1 || calls.Total() < 2 {
		t.Errorf("calls per request: %v", calls)
	}
	t.Logf("calls per request: %v", calls)
}

func TestMissingStraceIsSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, err = measure.Bench{Exe: exe}.CountCalls(context.Background(), measure.ServerSpec{}, measure.LoadSpec{}, 1)
	if !errors.Is(err, measure.ErrNoStrace) {
		t.Errorf("error %v", err)
	}
}

// A server must not outlive the one who started it.
func TestServerEndsWithItsStdin(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "server")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer late.Stop()
	if _, err := io.ReadAtLeast(stdout, make([]byte, 64), len("127.0.0.1:1\n")); err != nil {
		t.Error(err)
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestServerWritesACPUProfile(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cpu.pprof")
	if out, err := exec.Command(exe, "server", "-cpuprofile", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// Profiles are compressed by gzip.
	if text, err := os.ReadFile(file); err != nil || len(text) < 2 || text[0] != 0x1f || text[1] != 0x8b {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
