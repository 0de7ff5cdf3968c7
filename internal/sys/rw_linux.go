//go:build !race

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Read reads from fd into p: see read(2). The raw call is sound because fd is
// non-blocking; p is kept alive by being an argument of the call.
//
// What is read from is nearly always a socket, which is asked as such: on the way
// that all files share, read(2) takes some per cent of a small request longer.
func Read(fd int, p []byte) (int, syscall.Errno) {
	n, errno := transfer(unix.SYS_RECVFROM, fd, p)
	if errno == syscall.ENOTSOCK {
		return transfer(unix.SYS_READ, fd, p)
	}
	return n, errno
}

// Write writes p to fd: see write(2), whose SIGPIPE send(2) raises too. For the
// rest it is like Read.
func Write(fd int, p []byte) (int, syscall.Errno) {
	n, errno := transfer(unix.SYS_SENDTO, fd, p)
	if errno == syscall.ENOTSOCK {
		return transfer(unix.SYS_WRITE, fd, p)
	}
	return n, errno
}

// transfer makes a call whose further arguments, if it has any, are zero.
func transfer(trap uintptr, fd int, p []byte) (int, syscall.Errno) {
	for {
		var n uintptr
		var errno syscall.Errno
		if len(p) < bulk {
			// RawSyscall would do the same, with a function more on the way.
			n, _, errno = syscall.RawSyscall6(trap, uintptr(fd), uintptr(base(p)), uintptr(len(p)), 0, 0, 0)
		} else {
			n, _, errno = syscall.Syscall6(trap, uintptr(fd), uintptr(base(p)), uintptr(len(p)), 0, 0, 0)
		}
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
