package guest

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
)

func TestTaskTravelsOnTheCommandLine(t *testing.T) {
	want := Task{Conns: 7, Std: 5, Sample: 3}
	environment := append([]string{"HOME=/", "TERM=linux"}, strings.Fields(want.CommandLine())...)
	if got, err := parseTask(environment); err != nil || got != want {
		t.Errorf("task %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range [][]string{nil, {"moor_conns=x"}, {"moor_conns=0"}} {
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

func TestVerdictOfAMillion(t *testing.T) {
	row := Row{Server: "park", Conns: 1_000_000, Idle: measure.Memory{Memory: server.Memory{Goroutines: 9}, RSS: 480_000_000}}
	for _, test := range []struct {
		change func(*Row)
		want   string
	}{
		{func(*Row) {}, "met: 1000000 parked"},
		{func(r *Row) { r.Idle.RSS = 510_000_000 }, "not met"},
		{func(r *Row) { r.Idle.Goroutines = 1000 }, "not met"},
		{func(r *Row) { r.Failed = "no more ports" }, "not met"},
		{func(r *Row) { r.Server = "std" }, "not measured"},
	} {
		changed := row
		test.change(&changed)
		var text strings.Builder
		if err := (&Report{Kernel: "Linux", Rows: []Row{changed}}).Write(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), "\n"+test.want) {
			t.Errorf("%s should say %q", fmt.Sprint(text.String()), test.want)
		}
	}
}
