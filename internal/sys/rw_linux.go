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
			n, _, errno = syscall.RawSyscall(trap, uintptr(fd), uintptr(base(p)), uintptr(len(p)))
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
