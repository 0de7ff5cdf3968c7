//go:build moor_poll

package netpoll

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/mono"
)

// poll waits until one of fds has events or the moment until has come: see
// poll(2). It may return earlier for no reason.
func poll(fds []unix.PollFd, until int64) error {
	var timeout *unix.Timespec
	if until != never {
		ts := unix.NsecToTimespec(int64(mono.Until(until)))
		timeout = &ts
	}
	if _, err := unix.Ppoll(fds, timeout, nil); err != nil && err != unix.EINTR {
		return os.NewSyscallError("ppoll", err)
	}
	return nil
}

func newPipe(p *[2]int) error {
	return os.NewSyscallError("pipe2", unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
}
