//go:build unix

package sys

import "golang.org/x/sys/unix"

// Dup duplicates fd, close-on-exec: F_DUPFD_CLOEXEC of fcntl(2).
func Dup(fd int) (int, error) {
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
}
