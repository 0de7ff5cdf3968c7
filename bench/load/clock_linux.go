package load

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sample is what is read at either end of the measurement window.
type sample struct {
	at     time.Time
	server time.Duration // CPU time of the server's process so far
	client time.Duration // CPU time of this process so far
	idle   time.Duration // time that all CPUs of the machine together have idled so far
	cpus   int           // number of those CPUs
}

func takeSample(serverPID int) (s sample, err error) {
	s.at = time.Now()
	if s.server, err = processCPU(serverPID); err != nil {
		return s, err
	}
	if s.client, err = processCPU(os.Getpid()); err != nil {
		return s, err
	}
	s.idle, s.cpus, err = machineIdle()
	return s, err
}

// processCPU returns the CPU time, user and system, that all threads of a
// process have used, those that ended included.
//
// It reads the process's CPU clock (clock_getcpuclockid(3)), for these
// reasons. The scheduler keeps it in nanoseconds, where utime and stime of
// /proc/PID/stat come in hundredths of a second. It can be read from outside
// at the very moment the client notes its count of requests, where
// getrusage(2) would have to be asked for over a pipe and answered by the
// server, which runs, and is late, in the middle of its own measurement; that
// also makes it work for a server in any language. And unlike the sum over
// /proc/PID/task/*/schedstat it does not lose threads that end. A thread that
// is running elsewhere right now is accounted for up to its last scheduler
// tick (4 ms at 250 Hz), so a window of 2 s is exact to 0.2 % for one server
// CPU, equally often too long as too short.
func processCPU(pid int) (time.Duration, error) {
	// The kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED).
	clock := int32(^pid)<<3 | 2
	var ts unix.Timespec
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, errno)
	}
	return time.Duration(ts.Nano()), nil
}

// machineIdle returns the time all CPUs together have idled so far, and the
// number of CPUs. The kernel measures idling at every entry and exit, while it
// only samples the columns for busy time at its tick.
func machineIdle() (idle time.Duration, cpus int, err error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	return parseIdle(stat)
}

// parseIdle reads the text of /proc/stat (proc_stat(5)).
func parseIdle(stat []byte) (idle time.Duration, cpus int, err error) {
	for line := range bytes.Lines(stat) {
		fields := bytes.Fields(line)
		if len(fields) < 6 || !bytes.HasPrefix(fields[0], []byte("cpu")) {
			break
		}
		if len(fields[0]) > len("cpu") {
			cpus++
			continue
		}
		for _, field := range fields[4:6] { // idle, iowait
			ticks, err := strconv.ParseInt(string(field), 10, 64)
			if err != nil {
				return 0, 0, fmt.Errorf("/proc/stat: %w", err)
			}
			idle += time.Duration(ticks) * (time.Second / userHz)
		}
	}
	if cpus == 0 {
		return 0, 0, errors.New("/proc/stat: no lines for single CPUs")
	}
	return idle, cpus, nil
}

// userHz is the unit of /proc/stat on every Linux architecture Go runs on.
const userHz = 100
