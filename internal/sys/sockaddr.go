//go:build unix || windows

package sys

import (
	"net"
	"net/netip"
	"syscall"
)

// EndpointOf returns the internet address in sa, or none.
func EndpointOf(sa syscall.Sockaddr) (e Endpoint) {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		e.family = 4
		copy(e.ip[:], sa.Addr[:])
		e.port = uint16(sa.Port)
	case *syscall.SockaddrInet6:
		e.family = 6
		e.ip = sa.Addr
		e.zone = sa.ZoneId
		e.port = uint16(sa.Port)
	}
	return e
}

// Sockaddr returns e for package syscall's functions.
func (e Endpoint) Sockaddr() syscall.Sockaddr {
	switch e.family {
	case 4:
		return &syscall.SockaddrInet4{Port: int(e.port), Addr: [4]byte(e.ip[:4])}
	case 6:
		return &syscall.SockaddrInet6{Port: int(e.port), ZoneId: e.zone, Addr: e.ip}
	}
	return nil
}

// EndpointFromIP returns the address of a socket of the given family
// (syscall.AF_INET or AF_INET6). It follows package net: no IP means all of the
// host's addresses, an IPv4 address is mapped for an IPv6 socket, and the
// IPv4 wildcard becomes the IPv6 one there. An IP that does not fit is a
// net.AddrError.
func EndpointFromIP(family int, ip net.IP, port int, zone string) (Endpoint, error) {
	switch family {
	case syscall.AF_INET:
		if len(ip) == 0 {
			ip = net.IPv4zero
		}
		ip4 := ip.To4()
		if ip4 == nil {
			return Endpoint{}, &net.AddrError{Err: "non-IPv4 address", Addr: ip.String()}
		}
		e := Endpoint{family: 4, port: uint16(port)}
		copy(e.ip[:], ip4)
		return e, nil
	case syscall.AF_INET6:
		if len(ip) == 0 || ip.Equal(net.IPv4zero) {
			ip = net.IPv6zero
		}
		ip6 := ip.To16()
		if ip6 == nil {
			return Endpoint{}, &net.AddrError{Err: "non-IPv6 address", Addr: ip.String()}
		}
		return Endpoint{family: 6, port: uint16(port), ip: [16]byte(ip6), zone: zones.index(zone)}, nil
	}
	return Endpoint{}, &net.AddrError{Err: "invalid address family", Addr: ip.String()}
}

// EndpointFromAddrPort is EndpointFromIP for an address that is valid. Package
// net knows no wildcard among these but the one of the socket's own family.
func EndpointFromAddrPort(family int, ap netip.AddrPort) (Endpoint, error) {
	addr := ap.Addr()
	switch family {
	case syscall.AF_INET:
		if !addr.Is4() && !addr.Is4In6() {
			return Endpoint{}, &net.AddrError{Err: "non-IPv4 address", Addr: addr.String()}
		}
		e := Endpoint{family: 4, port: ap.Port()}
		ip4 := addr.As4()
		copy(e.ip[:], ip4[:])
		return e, nil
	case syscall.AF_INET6:
		return Endpoint{family: 6, port: ap.Port(), ip: addr.As16(), zone: zones.index(addr.Zone())}, nil
	}
	return Endpoint{}, &net.AddrError{Err: "invalid address family", Addr: addr.String()}
}

// LocalEndpoint asks the kernel for the socket's own address: getsockname(2).
func LocalEndpoint(fd int) Endpoint {
	sa, _ := Getsockname(fd)
	return EndpointOf(sa)
}

// UnixNameOf returns the name in sa, false if sa is no address of a Unix
// socket.
func UnixNameOf(sa syscall.Sockaddr) (string, bool) {
	if sa, ok := sa.(*syscall.SockaddrUnix); ok {
		return sa.Name, true
	}
	return "", false
}
