package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sample is what is read at either end of the measurement window.
type sample struct {
	at      time.Time
	server  time.Duration // CPU time of the server's process so far
	client  time.Duration // CPU time of this process so far
	machine time.Duration // CPU time of everything on the machine so far

	switches int64 // how often the server's threads were put on a CPU so far
}

// until is the result of what came between two samples.
func (s sample) until(end sample, requests int64) Result {
	r := Result{
		Requests:  requests,
		Wall:      end.at.Sub(s.at),
		ServerCPU: end.server - s.server,
		ClientCPU: end.client - s.client,
		Switches:  end.switches - s.switches,
	}
	r.Elsewhere = end.machine - s.machine - r.ServerCPU - r.ClientCPU
	return r
}

func takeSample(serverPID int) (s sample, err error) {
	s.at = time.Now()
	if s.server, err = processCPU(serverPID); err != nil {
		return s, err
	}
	if s.client, err = processCPU(os.Getpid()); err != nil {
		return s, err
	}
	if s.machine, err = machineBusy(); err != nil {
		return s, err
	}
	s.switches, err = switches(serverPID)
	return s, err
}

// Watch is what a process does by itself for some time.
func Watch(pid int, d time.Duration) (Result, error) {
	begin, err := takeSample(pid)
	if err != nil {
		return Result{}, err
	}
	time.Sleep(d)
	end, err := takeSample(pid)
	return begin.until(end, 0), err
}

// switches adds up the context switches that the threads of a process have
// made (proc_pid_status(5)). Those of threads that have ended are lost.
func switches(pid int) (total int64, err error) {
	tasks := fmt.Sprintf("/proc/%d/task/", pid)
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return 0, err
	}
	for _, thread := range threads {
		status, err := os.ReadFile(tasks + thread.Name() + "/status")
		if err != nil {
			continue // it has ended since
		}
		for line := range bytes.Lines(status) {
			name, value, _ := bytes.Cut(line, []byte(":"))
			if !bytes.HasSuffix(name, []byte("voluntary_ctxt_switches")) {
				continue
			}
			n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("context switches of process %d: %w", pid, err)
			}
			total += n
		}
	}
	return total, nil
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

// machineBusy returns the time all CPUs of the machine together have been busy
// so far. The columns for it in /proc/stat are samples taken at the scheduler's
// tick. Idle time would be exact, but a CPU that goes to sleep and wakes up for
// every request spends an eighth of its time on just that, which counts as
// neither idle nor anybody's.
func machineBusy() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseBusy(stat)
}

// parseBusy reads the first line of /proc/stat (proc_stat(5)).
func parseBusy(stat []byte) (busy time.Duration, err error) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, fmt.Errorf("/proc/stat: first line is %q", line)
	}
	// The columns are user, nice, system, idle, iowait, irq, softirq, steal,
	// and two for guests, which user and nice contain. Stolen time is what
	// other virtual machines had.
	for i, field := range fields[1:9] {
		ticks, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		}
		if i != 3 && i != 4 {
			busy += time.Duration(ticks) * (time.Second / userHz)
		}
	}
	return busy, nil
}

// userHz is the unit of /proc/stat on every Linux architecture Go runs on.
const userHz = 100
