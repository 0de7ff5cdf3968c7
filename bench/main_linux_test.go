package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moor-net/moor/bench/affinity"
	"github.com/moor-net/moor/bench/measure"
)

// The commands execute themselves again as server and client, which is this
// test's binary here.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "server" || os.Args[1] == "client") {
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
		{"echo -fly", "not defined: -fly"},
		{"echo std", `unexpected argument "std"`},
		{"echo -a nobody", `no server named "nobody"`},
		{"echo -b nobody", `no server named "nobody"`},
		{"echo -conns 1,x", `-conns: bad number "x"`},
		{"echo -conns 0", `-conns: bad number "0"`},
		{"echo -conns 1000000000", "the limit of a process is"},
		{"echo -pairs 0", "-pairs 0: must be at least 1"},
		{"echo -size 0", "-size 0: must be at least 1"},
		{"echo -depth -1", "-depth -1: must be at least 1"},
		{"echo -buf 0", "-buf 0: must be at least 1"},
		{"echo -calls -1", "-calls -1: must be at least 0"},
		{"echo -cores 0", "-cores 0: must be at least 1"},
		{"echo -duration 0s", "must be a time"},
		{"echo -duration fast", "invalid value"},
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
		"-h":        {"echo", "server", "client"},
		"echo -h":   {"-a", "-b", "-conns", "-size", "-depth", "-buf", "-pairs", "-duration", "-warmup", "-cores", "-calls", "-noise", "-json"},
		"server -h": {"-impl", "-addr", "-procs", "-buf", "-cpus", "-cpuprofile"},
		"client -h": {"-addr", "-pid", "-conns", "-depth", "-size", "-warmup", "-duration", "-requests", "-cpus"},
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

func TestEchoComparesTwoServers(t *testing.T) {
	for name, cores := range map[string]string{"pinned": "1", "unpinned": "2"} {
		t.Run(name, func(t *testing.T) {
			if cores == "1" {
				needTwoCPUs(t)
			}
			file := filepath.Join(t.TempDir(), "report.json")
			status, stdout, stderr := bench("echo", "-a", "std", "-b", "std", "-cores", cores, "-conns", "1,5", "-size", "100", "-depth", "2",
				"-pairs", "2", "-duration", "100ms", "-warmup", "50ms", "-calls", "0", "-json", file)
			if status != 0 {
				t.Fatalf("status %d: %s", status, stderr)
			}
			if lines := strings.Count(stderr, "\n"); lines != 4 {
				t.Errorf("%d lines of progress for 4 pairs:\n%s", lines, stderr)
			}
			if !strings.Contains(stdout, "a = std, b = std") || !strings.Contains(stdout, "-calls is 0") {
				t.Errorf("table:\n%s", stdout)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var report measure.Report
			if err := json.Unmarshal(text, &report); err != nil {
				t.Fatal(err)
			}
			if len(report.Rows) != 2 {
				t.Fatalf("%d rows in %s", len(report.Rows), text)
			}
			for _, row := range report.Rows {
				if len(row.Pairs) != 2 {
					t.Errorf("%d connections: %d pairs", row.Conns, len(row.Pairs))
				}
				for _, p := range row.Pairs {
					if p.A.Requests < 1 || p.B.Requests < 1 || p.A.ServerCPU <= 0 || p.B.ServerCPU <= 0 || p.Ratio <= 0 {
						t.Errorf("%d connections: pair %+v", row.Conns, p)
					}
				}
				t.Logf("%d connections: std/std %+v", row.Conns, row.Ratio)
			}
		})
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
	s := measure.Setup{Exe: exe, Procs: 1, Buf: 4096, Size: 64, Depth: 1, Warmup: 20 * time.Millisecond}
	const requests = 200
	calls, err := s.CountCalls("std", 4, requests)
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
	_, stdout, stderr := bench("echo", "-b", "std", "-a", "std", "-cores", "2", "-conns", "1", "-pairs", "1", "-duration", "20ms", "-warmup", "1ms")
	for name, text := range map[string]string{"stdout": stdout, "stderr": stderr} {
		if !strings.Contains(text, "strace is not installed") {
			t.Errorf("%s does not say so: %s", name, text)
		}
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
	late := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
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
