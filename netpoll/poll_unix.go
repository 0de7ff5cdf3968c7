//go:build unix && !linux

package netpoll

import (
	"math"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/mono"
)

// poll waits until one of fds has events or the moment until has come: see
// poll(2), which counts in milliseconds. It may return earlier for no reason.
func poll(fds []unix.PollFd, until int64) error {
	timeout := -1
	if until != never {
		// Rounded up: never early.
		ms := (mono.Until(until) + time.Millisecond - 1) / time.Millisecond
		timeout = int(min(ms, math.MaxInt32))
	}
	if _, err := unix.Poll(fds, timeout); err != nil && err != unix.EINTR {
		return os.NewSyscallError("poll", err)
	}
	return nil
}

// newPipe opens a pipe, non-blocking and closed on exec. ForkLock keeps a child
// from inheriting it in between.
func newPipe(p *[2]int) error {
	syscall.ForkLock.RLock()
	err := unix.Pipe(p[:])
	if err == nil {
		unix.CloseOnExec(p[0])
		unix.CloseOnExec(p[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return os.NewSyscallError("pipe", err)
	}
	for _, fd := range p {
		if err := unix.SetNonblock(fd, true); err != nil {
			unix.Close(p[0])
			unix.Close(p[1])
			return os.NewSyscallError("fcntl", err)
		}
	}
	return nil
}
