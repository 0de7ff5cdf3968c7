//go:build unix && (race || !linux)

package sys

import "syscall"

// Read reads from fd into p: see read(2).
//
// In race builds this must be package syscall's function: it gives a reader
// the happens-before edge from every write of the process, and it shows the
// race detector the buffer. A raw call would hide both.
func Read(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, err := syscall.Read(fd, p)
		if err == nil {
			return n, 0
		}
		if err != syscall.EINTR {
			return 0, Errno(err)
		}
	}
}

// Write writes p to fd: see write(2), and Read for why it is this function.
func Write(fd int, p []byte) (int, syscall.Errno) {
	for {
		n, err := syscall.Write(fd, p)
		if err == nil {
			return n, 0
		}
		if err != syscall.EINTR {
			return 0, Errno(err)
		}
	}
}
