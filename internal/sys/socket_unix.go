//go:build unix

package sys

import "golang.org/x/sys/unix"

// Close closes fd: see close(2). It is not retried: the number is free after
// any answer.
func Close(fd int) error { return unix.Close(fd) }

// SocketError fetches and clears the socket's pending error: SO_ERROR of
// socket(7). Zero means none.
func SocketError(fd int) (unix.Errno, error) {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	return unix.Errno(n), err
}
