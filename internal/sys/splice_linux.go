package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Sendfile sends up to limit bytes of the file in, from its offset on, which it
// moves: see sendfile(2). Reading a file may block, so the scheduler is told.
// In race builds package syscall's function gives a reader its edge.
func Sendfile(out, in, limit int) (int, syscall.Errno) {
	for {
		n, err := syscall.Sendfile(out, in, nil, limit)
		if err != syscall.EINTR {
			return max(n, 0), Errno(err)
		}
	}
}

// Splice moves up to limit bytes from one descriptor to another, one of which is
// a pipe: see splice(2). The pipe's end does not block; it is large amounts
// that are moved, so the scheduler is told.
func Splice(out, in, limit int) (int, syscall.Errno) {
	for {
		n, err := unix.Splice(in, nil, out, nil, limit, unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(max(n, 0)), Errno(err)
		}
	}
}

// Pipe opens a non-blocking, close-on-exec pipe with room for size bytes if
// the system allows as much: see pipe2(2) and F_SETPIPE_SZ of fcntl(2).
func Pipe(size int) (r, w int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return -1, -1, err
	}
	unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, size)
	return fds[0], fds[1], nil
}
