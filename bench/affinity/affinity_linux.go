// Package affinity pins a whole process to CPUs.
package affinity

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// entered marks the environment of a process that has been executed again.
const entered = "MOOR_BENCH_PINNED"

// Enter executes the running program again, pinned to the CPUs of list (such
// as "0" or "0,1"; empty for no pinning) and with GOMAXPROCS set to procs. It
// returns in the new image only, or with an error.
//
// sched_setaffinity(2) pins a single thread, and the Go runtime has started
// several by the time main runs. An affinity survives execve(2) and is
// inherited by every thread created afterwards, so the new image has all of
// them pinned from the first instruction.
func Enter(list string, procs int) error {
	want, err := Parse(list)
	if err != nil {
		return err
	}
	mark := fmt.Sprintf("%s/%d", list, procs)
	if os.Getenv(entered) == mark {
		return check(want)
	}
	if len(want) > 0 {
		var set unix.CPUSet
		for _, cpu := range want {
			set.Set(cpu)
		}
		// Never unlocked: either this thread is the one that execs, or the
		// process is about to end with an error.
		runtime.LockOSThread()
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("pinning to CPUs %s: %w", list, os.NewSyscallError("sched_setaffinity", err))
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if err := errors.Join(os.Setenv(entered, mark), os.Setenv("GOMAXPROCS", strconv.Itoa(procs))); err != nil {
		return err
	}
	return os.NewSyscallError("execve", unix.Exec(exe, os.Args, os.Environ()))
}

// Allowed returns the CPUs the calling thread may run on, in ascending order.
func Allowed() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	var cpus []int
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// Parse reads a list of CPU numbers separated by commas and returns them in
// ascending order; the empty list is no CPUs.
func Parse(list string) ([]int, error) {
	if list == "" {
		return nil, nil
	}
	var cpus []int
	for _, field := range strings.Split(list, ",") {
		cpu, err := strconv.Atoi(field)
		if err != nil || cpu < 0 || cpu >= len(unix.CPUSet{})*64 {
			return nil, fmt.Errorf("bad CPU %q in list %q", field, list)
		}
		cpus = append(cpus, cpu)
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}

// check reports whether pinning took effect: the kernel silently leaves out
// CPUs that a cpuset(7) forbids.
func check(want []int) error {
	if len(want) == 0 {
		return nil
	}
	have, err := Allowed()
	if err != nil {
		return err
	}
	if !slices.Equal(have, want) {
		return fmt.Errorf("asked for CPUs %v, got %v", want, have)
	}
	return nil
}
