// Package sockerr tells the errors of sockets apart where systems have numbers
// of their own for them.
package sockerr

import (
	"errors"
	"syscall"
)

// Reset reports whether err says that the peer has reset the connection.
func Reset(err error) bool { return oneOf(err, resets) }

// Broken reports whether err is one of those of a write that the peer does not
// take any more.
func Broken(err error) bool { return Reset(err) || oneOf(err, ends) }

// Refused reports whether err says that nobody listens.
func Refused(err error) bool { return oneOf(err, refusals) }

// InUse reports whether err says that the address is taken.
func InUse(err error) bool { return oneOf(err, inUse) }

// NotConnected reports whether err says that the socket has no peer.
func NotConnected(err error) bool { return oneOf(err, notConnected) }

// NoFamily reports whether err says that the system lacks the address family.
func NoFamily(err error) bool { return oneOf(err, noFamily) }

// Scarce reports whether err says that the system, or the process, has too little
// of something for another socket.
func Scarce(err error) bool { return oneOf(err, scarcities) }

func oneOf(err error, list []syscall.Errno) bool {
	for _, errno := range list {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
