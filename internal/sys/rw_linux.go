//go:build !race

package sys

import "syscall"

// Read reads from fd into p: see read(2). The raw call is sound because fd is
// non-blocking; p is kept alive by being an argument of the call.
func Read(fd int, p []byte) (int, syscall.Errno) {
	return transfer(syscall.SYS_READ, fd, p)
}

// Write writes p to fd: see write(2). The raw call is sound for the same
// reasons as Read's.
func Write(fd int, p []byte) (int, syscall.Errno) {
	return transfer(syscall.SYS_WRITE, fd, p)
}

func transfer(trap uintptr, fd int, p []byte) (int, syscall.Errno) {
	for {
		var n uintptr
		var errno syscall.Errno
		if len(p) < bulk {
			// RawSyscall would do the same, with a function more on the way.
			n, _, errno = syscall.RawSyscall6(trap, uintptr(fd), uintptr(base(p)), uintptr(len(p)), 0, 0, 0)
		} else {
			n, _, errno = syscall.Syscall(trap, uintptr(fd), uintptr(base(p)), uintptr(len(p)))
		}
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
