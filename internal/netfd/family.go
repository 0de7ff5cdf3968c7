//go:build unix || windows

package netfd

import (
	"net"
	"sync"
	"syscall"

	"github.com/moor-net/moor/internal/sys"
)

// sockaddr implements address. A port that does not fit in one is left to the
// system calls to refuse, as package net does.
func (a *Inet) sockaddr(family int) (syscall.Sockaddr, error) {
	e, err := sys.EndpointFromIP(family, a.IP, a.Port, a.Zone)
	if err != nil {
		return nil, err
	}
	sa := e.Sockaddr()
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		sa.Port = a.Port
	case *syscall.SockaddrInet6:
		sa.Port = a.Port
	}
	return sa, nil
}

// address returns a as an interface, nil for no address.
func (a *Inet) address() address {
	if a == nil {
		return nil
	}
	return a
}

// inetKind returns the kind of socket for a network and its addresses.
func inetKind(n Network, laddr, raddr *Inet, listen bool, proto int) socketKind {
	family, ipv6only := favoriteFamily(n, laddr, raddr, listen)
	return socketKind{network: n, family: family, proto: proto, ipv6only: ipv6only}
}

// What the host's network stack can do, found out by trying.
var (
	haveIPv4 = sync.OnceValue(func() bool {
		fd, err := sys.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			return false
		}
		sys.Close(fd)
		return true
	})
	// haveMapped: IPv6 sockets also take IPv4 connections.
	haveMapped = sync.OnceValue(func() bool {
		fd, err := sys.Socket(syscall.AF_INET6, syscall.SOCK_STREAM, 0)
		if err != nil {
			return false
		}
		defer sys.Close(fd)
		if sys.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0) != nil {
			return false
		}
		loopback := &syscall.SockaddrInet6{}
		copy(loopback.Addr[:], net.IPv4(127, 0, 0, 1).To16())
		return sys.Bind(fd, loopback) == nil
	})
)

// favoriteFamily returns the address family for a socket and whether it is to
// be for IPv6 alone. A wildcard listener serves both versions where it can.
func favoriteFamily(n Network, laddr, raddr *Inet, listen bool) (family int, ipv6only bool) {
	switch n {
	case TCP4, UDP4:
		return syscall.AF_INET, false
	case TCP6, UDP6:
		return syscall.AF_INET6, true
	}
	if listen && laddr.wildcard() {
		switch {
		case haveMapped() || !haveIPv4():
			return syscall.AF_INET6, false
		case laddr.ipv4():
			return syscall.AF_INET, false
		}
		return syscall.AF_INET6, false
	}
	if laddr.ipv4() && raddr.ipv4() {
		return syscall.AF_INET, false
	}
	return syscall.AF_INET6, false
}
