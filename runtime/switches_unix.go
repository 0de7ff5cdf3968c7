//go:build unix

package runtime

import "golang.org/x/sys/unix"

// involuntarySwitches returns how often the kernel has taken the processor from a thread
// of this process that could have gone on: see getrusage(2). It only grows.
func involuntarySwitches() int64 {
	var used unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &used) // can't fail
	return int64(used.Nivcsw)
}
