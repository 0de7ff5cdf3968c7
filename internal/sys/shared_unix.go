//go:build unix

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// The functions of this file are for a descriptor that has, or had, a
// duplicate elsewhere: in an os.File, in another process. Whoever holds that
// can take the non-blocking mode away, which both share. So a call says for
// itself that it must not block; and where it can't, the scheduler is told
// that it may.

// Blocking reports whether the descriptor is in blocking mode.
func Blocking(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_NONBLOCK == 0
}

// ReadShared is Read for such a descriptor.
func ReadShared(fd int, p []byte) (int, syscall.Errno) {
	var from RawAddr
	n, errno := RecvFrom(fd, p, &from)
	switch errno {
	case 0:
		raceRead(p[:n])
	case syscall.ENOTSOCK:
		n, err := syscall.Read(fd, p)
		return max(n, 0), Errno(err)
	}
	return n, errno
}

// WriteShared is Write for such a descriptor.
func WriteShared(fd int, p []byte) (int, syscall.Errno) {
	raceWrite(p)
	n, errno := SendMsg(fd, p, nil, nil)
	if errno == syscall.ENOTSOCK {
		n, err := syscall.Write(fd, p)
		return max(n, 0), Errno(err)
	}
	return n, errno
}

// AcceptShared is Accept for such a descriptor. It blocks only if another takes
// the connection at the very moment between two system calls, and then not the
// scheduler.
func AcceptShared(fd int, addr *RawAddr) (int, syscall.Errno) {
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(ready, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return -1, Errno(err)
		case n == 0:
			return -1, syscall.EAGAIN
		}
		break
	}
	return acceptShared(fd, addr)
}
