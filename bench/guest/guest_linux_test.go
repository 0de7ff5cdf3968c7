package guest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
)

func TestTaskTravelsOnTheCommandLine(t *testing.T) {
	want := Task{Server: "park", Conns: 7, Sample: 3, Opening: 90 * time.Second, IdleTimeout: time.Hour}
	environment := append([]string{"HOME=/", "TERM=linux"}, strings.Fields(want.CommandLine())...)
	if got, err := parseTask(environment); err != nil || got != want {
		t.Errorf("task %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range [][]string{nil, {"moor_conns=x"}, {"moor_conns=0", "moor_server=std"}, {"moor_conns=1"}} {
		if task, err := parseTask(bad); err == nil {
			t.Errorf("environment %q is task %+v", bad, task)
		}
	}
}

// The kernel's reader is as strict as cpio's.
func TestArchiveIsReadByCpio(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skipf("cpio is missing: %v", err)
	}
	var archive bytes.Buffer
	if err := writeArchive(&archive, []byte("#!/bin/true\n")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(cpio, "--list", "--verbose", "--quiet", "--numeric-uid-gid")
	cmd.Stdin = &archive
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"drwxr-xr-x", "crw-------", "5,   1", "-rwxr-xr-x", " init"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

func TestArchiveIsAligned(t *testing.T) {
	for n := range 5 {
		var archive bytes.Buffer
		if err := writeArchive(&archive, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if archive.Len()%4 != 0 || !bytes.HasSuffix(archive.Bytes(), []byte("TRAILER!!!\x00\x00\x00\x00")) {
			t.Errorf("init of %d bytes: %d bytes that end with %q", n, archive.Len(), archive.Bytes()[archive.Len()-16:])
		}
	}
}

func TestBarsOfAMillion(t *testing.T) {
	row := Row{Server: "park", Asked: 1_000_000, Conns: 1_000_000, Sample: 9,
		Idle: measure.Memory{Memory: server.Memory{Heap: 440_000_000, Stack: 1_000_000, Goroutines: 9}, RSS: 480_000_000}}
	for _, test := range []struct {
		change func(*Row)
		missed int
		want   string
	}{
		{func(*Row) {}, 0, "met: 1000000 parked HTTP connections"},
		{func(r *Row) { r.Idle.RSS = 510_000_000 }, 1, "not met: 510 MB of resident"},
		{func(r *Row) { r.Idle.Heap = 499_500_000 }, 1, "not met: 500 MB of heap"},
		{func(r *Row) { r.Idle.Goroutines = 1000 }, 1, "not met: 1000 goroutines"},
		{func(r *Row) { r.Failed = "no more ports" }, 4, "no more ports"},
		{func(r *Row) { r.Conns = 999_999 }, 4, "over at 999999 of 1000000"},
		{func(r *Row) { r.Conns, r.Full = 999_999, true }, 4, "full at 999999 of 1000000"},
		{func(r *Row) { r.Server = "std" }, 4, "std"},
	} {
		changed := row
		test.change(&changed)
		report := &Report{Kernel: "Linux", Rows: []Row{changed}}
		var text strings.Builder
		if err := report.Write(&text); err != nil {
			t.Fatal(err)
		}
		missed := 0
		for _, bar := range report.Bars() {
			if !bar.Met {
				missed++
			}
		}
		if strings.Contains(text.String(), "met: ") != (changed.Server == "park") {
			t.Errorf("bars of what is not measured, or none:\n%s", text.String())
		}
		if missed != test.missed || !strings.Contains(text.String(), test.want) {
			t.Errorf("%d bars missed, want %d and %q in:\n%s", missed, test.missed, test.want, text.String())
		}
	}
}

func TestProgressIsReadFromTheKernel(t *testing.T) {
	s, err := look(os.Getpid())
	if err != nil || s.user <= 0 || s.kernel <= 0 || s.free <= 0 || s.rss <= 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if text := s.since(state{}); !strings.Contains(text, "connections") {
		t.Error(text)
	}
	if _, err := look(1 << 30); err == nil {
		t.Error("there is a process 1<<30")
	}
}
