//go:build unix

// Package unix stands in for internal/syscall/unix.
package unix

import "golang.org/x/sys/unix"

// Fcntl changes or asks for a property of a descriptor.
func Fcntl(fd, cmd, arg int) (int, error) { return unix.FcntlInt(uintptr(fd), cmd, arg) }

// IsNonblock reports whether a descriptor is in non-blocking mode.
func IsNonblock(fd int) (bool, error) {
	flags, err := Fcntl(fd, unix.F_GETFL, 0)
	return flags&unix.O_NONBLOCK != 0, err
}
