//go:build unix

package netfd

import (
	"golang.org/x/sys/unix"
)

// reusesAddresses: a listening socket may be bound to an address that
// connections of an earlier one still have.
const reusesAddresses = true

// connectsToWildcards: a socket that is connected to all addresses of the host is
// connected to one of them.
const connectsToWildcards = true

// openUDP sets what all UDP sockets have.
func (socketKind) openUDP(s int) error {
	return call("setsockopt", unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
}

func setReusePort(s int) error { return unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }
