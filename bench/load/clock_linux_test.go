package load

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestProcessCPUIsWhatTheProcessUsed(t *testing.T) {
	before, err := processCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	usedBefore := rusage(t)
	for begin := time.Now(); time.Since(begin) < 50*time.Millisecond; {
	}
	after, err := processCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// Threads of this process that run meanwhile are accounted for up to
	// their last tick, which is 10 ms ago at most.
	clock, used := after-before, rusage(t)-usedBefore
	if difference := (clock - used).Abs(); difference > 25*time.Millisecond {
		t.Errorf("the clock says %v, getrusage %v", clock, used)
	}
}

func rusage(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestProcessCPUOfNoProcessIsAnError(t *testing.T) {
	if d, err := processCPU(1 << 28); err == nil {
		t.Errorf("got %v", d)
	}
}

func TestIdleTimeAndCPUsOfProcStat(t *testing.T) {
	idle, cpus, err := parseIdle([]byte("cpu  10 1 20 300 40 5 6 7 0 0\ncpu0 5 0 10 100 20 2 3 4 0 0\ncpu1 5 1 10 200 20 3 3 3 0 0\nintr 12 0 1\nctxt 3\n"))
	if err != nil || idle != 3400*time.Millisecond || cpus != 2 {
		t.Errorf("got %v, %d, %v", idle, cpus, err)
	}
	if _, _, err := parseIdle([]byte("intr 1 2 3 4 5\n")); err == nil {
		t.Error("a text without CPUs is accepted")
	}
	if _, cpus, err := machineIdle(); err != nil || cpus < 1 {
		t.Errorf("this machine has %d CPUs, %v", cpus, err)
	}
}
