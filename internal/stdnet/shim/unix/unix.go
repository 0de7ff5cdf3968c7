//go:build linux

// Package unix stands in for internal/syscall/unix.
package unix

import "syscall"

// Fcntl changes or asks for a property of a descriptor.
func Fcntl(fd, cmd, arg int) (int, error) {
	v, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), uintptr(cmd), uintptr(arg))
	if errno != 0 {
		return 0, errno
	}
	return int(v), nil
}

// IsNonblock reports whether a descriptor is in non-blocking mode.
func IsNonblock(fd int) (bool, error) {
	flags, err := Fcntl(fd, syscall.F_GETFL, 0)
	return flags&syscall.O_NONBLOCK != 0, err
}
