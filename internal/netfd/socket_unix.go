//go:build unix

package netfd

import (
	"context"
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/sys"
)

// Control is what Dialer.ControlContext and ListenConfig.Control come down to:
// it sees a socket after it was made and before it is bound.
type Control func(ctx context.Context, network, address string, c syscall.RawConn) error

// open makes a socket with the options that package net sets on all of its
// kind.
func open(family, sotype, proto int, ipv6only bool) (int, error) {
	fd, err := sys.Socket(family, sotype, proto)
	if err != nil {
		return -1, call("socket", err)
	}
	if family == unix.AF_INET6 && sotype != unix.SOCK_RAW {
		// Some systems do not let this option be changed.
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, boolint(ipv6only))
	}
	if (sotype == unix.SOCK_DGRAM || sotype == unix.SOCK_RAW) && family != unix.AF_UNIX {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1); err != nil {
			sys.Close(fd)
			return -1, call("setsockopt", err)
		}
	}
	return fd, nil
}

func boolint(b bool) int {
	if b {
		return 1
	}
	return 0
}

// newSocket is a socket that no loop has yet, as Control functions see it.
type newSocket int

func (s newSocket) Control(f func(uintptr)) error {
	f(uintptr(s))
	return nil
}

var errNotConnected = errors.New("waiting for a socket that is not connected yet")

func (s newSocket) Read(f func(uintptr) bool) error {
	if !f(uintptr(s)) {
		return errNotConnected
	}
	return nil
}

func (s newSocket) Write(f func(uintptr) bool) error { return s.Read(f) }

// control runs the user's Control function, if there is one.
func control(ctx context.Context, f Control, n Network, family int, address string, fd int) error {
	if f == nil {
		return nil
	}
	return f(ctx, n.control(family == unix.AF_INET6), address, newSocket(fd))
}
