package load

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestProcessCPUIsWhatTheProcessUsed(t *testing.T) {
	// What is said before and after each reading of the clock has it in between,
	// whatever others of this process do and the machine with them.
	earliest := rusage(t)
	before, err := processCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	begun := rusage(t)
	for begin := time.Now(); time.Since(begin) < 50*time.Millisecond; {
	}
	ended := rusage(t)
	after, err := processCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// Threads of this process that run meanwhile are accounted for up to
	// their last tick, which is 10 ms ago at most.
	const tick = 25 * time.Millisecond
	clock, least, most := after-before, ended-begun, rusage(t)-earliest
	if clock < least-tick || clock > most+tick {
		t.Errorf("the clock says %v, getrusage %v to %v", clock, least, most)
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

func TestBusyTimeOfProcStat(t *testing.T) {
	busy, err := parseBusy([]byte("cpu  10 1 20 300 40 5 6 7 100 200\ncpu0 5 0 10 100 20 2 3 4 0 0\n"))
	if err != nil || busy != 490*time.Millisecond {
		t.Errorf("got %v, %v", busy, err)
	}
	for _, text := range []string{"", "intr 1 2 3 4 5 6 7 8 9\n", "cpu 1 2 3\n", "cpu 1 2 3 4 5 6 7 x 9\n"} {
		if busy, err := parseBusy([]byte(text)); err == nil {
			t.Errorf("%q is %v", text, busy)
		}
	}
	if busy, err := machineBusy(); err != nil || busy <= 0 {
		t.Errorf("this machine was busy for %v, %v", busy, err)
	}
}
