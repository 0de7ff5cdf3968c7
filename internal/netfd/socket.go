//go:build unix || windows

package netfd

import (
	"context"
	"errors"
	"syscall"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// An address is what a socket can be bound or connected to.
type address interface {
	// sockaddr returns the address for a socket of the given family.
	sockaddr(family int) (syscall.Sockaddr, error)
	String() string
}

// A socketKind says what socket to make.
type socketKind struct {
	network  Network
	family   int
	proto    int
	ipv6only bool
}

// sotype returns the type of the network's sockets.
func (n Network) sotype() int {
	switch {
	case n.IsUDP() || n == Unixgram:
		return syscall.SOCK_DGRAM
	case n == Unixpacket:
		return syscall.SOCK_SEQPACKET
	}
	return syscall.SOCK_STREAM
}

// kind returns how reads of the network's connections end.
func (n Network) kind() runtime.Kind {
	switch {
	case n.IsUDP() || n == Unixgram:
		return runtime.Packet
	case n == Unixpacket:
		return runtime.Sequenced
	}
	return runtime.Stream
}

// open makes the socket, with the options that package net sets on all of its
// kind.
func (k socketKind) open() (int, error) {
	fd, err := sys.Socket(k.family, k.network.sotype(), k.proto)
	if err != nil {
		return -1, call("socket", err)
	}
	if k.family == syscall.AF_INET6 {
		// Some systems do not let this option be changed.
		sys.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, boolint(k.ipv6only))
	}
	if k.network.IsUDP() {
		if err := k.openUDP(fd); err != nil {
			sys.Close(fd)
			return -1, err
		}
	}
	return fd, nil
}

// fd returns the FD that is to own the socket.
func (k socketKind) fd() *FD { return &FD{network: k.network, family: uint8(k.family)} }

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

// callControl runs the user's Control function, if there is one, for the
// socket s that fd is to own.
func (fd *FD) callControl(ctx context.Context, f Control, a address, s int) error {
	if f == nil {
		return nil
	}
	return f(ctx, fd.network.control(fd.family == syscall.AF_INET6), a.String(), newSocket(s))
}

// connectName returns the name that package net has for the system call.
func (n Network) connectName() string {
	if n.IsTCP() {
		return sys.ConnectName
	}
	return "connect"
}
