package sys

import (
	"net"
	"net/netip"
)

// An Endpoint is an internet address and port in 24 bytes, as connections
// keep it. The zero Endpoint is no address.
type Endpoint struct {
	ip     [16]byte // the first four bytes for IPv4
	zone   uint32   // scope of a link-local IPv6 address: an interface's index
	port   uint16
	family uint8 // 0, 4 or 6: that of the socket, so an IPv4 peer of an IPv6 socket has 6
}

// Unspecified returns address and port zero of a family, 4 or 6.
func Unspecified(family uint8) Endpoint { return Endpoint{family: family} }

// IsZero reports whether e is no address.
func (e Endpoint) IsZero() bool { return e.family == 0 }

// IsUnspecified reports whether e's address stands for all of the host's.
func (e Endpoint) IsUnspecified() bool {
	return e.ip == [16]byte{} || netip.AddrFrom16(e.ip) == v4MappedZero && e.family == 6
}

var v4MappedZero = netip.MustParseAddr("::ffff:0.0.0.0")

// WithPort returns e with another port.
func (e Endpoint) WithPort(port uint16) Endpoint {
	e.port = port
	return e
}

// Port returns the port number.
func (e Endpoint) Port() uint16 { return e.port }

// Zone returns the zone's name as package net gives it: the interface's name,
// or its index in decimal when no interface has it.
func (e Endpoint) Zone() string { return zones.name(e.zone) }

// AddrPort returns e as netip has it.
func (e Endpoint) AddrPort() netip.AddrPort {
	switch e.family {
	case 4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(e.ip[:4])), e.port)
	case 6:
		addr := netip.AddrFrom16(e.ip)
		if e.zone != 0 {
			addr = addr.WithZone(e.Zone())
		}
		return netip.AddrPortFrom(addr, e.port)
	}
	return netip.AddrPort{}
}

// The address types of package net hold the IP in a slice: one allocation
// serves both.
type tcpAddr struct {
	net.TCPAddr
	ip [16]byte
}

type udpAddr struct {
	net.UDPAddr
	ip [16]byte
}

func (a *tcpAddr) set(e Endpoint) *net.TCPAddr {
	a.ip = e.ip
	a.IP, a.Port, a.Zone = a.ip[:e.ipLen():e.ipLen()], int(e.port), e.Zone()
	return &a.TCPAddr
}

func (a *udpAddr) set(e Endpoint) *net.UDPAddr {
	a.ip = e.ip
	a.IP, a.Port, a.Zone = a.ip[:e.ipLen():e.ipLen()], int(e.port), e.Zone()
	return &a.UDPAddr
}

func (e Endpoint) ipLen() int {
	if e.family == 4 {
		return 4
	}
	return 16
}

// UDPAddr returns e as package net has it, nil for no address. It allocates
// once.
func (e Endpoint) UDPAddr() *net.UDPAddr {
	if e.family == 0 {
		return nil
	}
	return new(udpAddr).set(e)
}

// Is reports whether UDPAddr would return an address equal to a.
func (e Endpoint) Is(a *net.UDPAddr) bool {
	return a != nil && e.family != 0 && a.Port == int(e.port) &&
		string(a.IP) == string(e.ip[:e.ipLen()]) && a.Zone == e.Zone()
}

// HeldTCPAddr returns e as a *net.TCPAddr in an interface that can be pointed
// to, nil for no address. It allocates once.
func (e Endpoint) HeldTCPAddr() *net.Addr {
	if e.family == 0 {
		return nil
	}
	a := new(struct {
		tcpAddr
		held net.Addr
	})
	a.held = a.set(e)
	return &a.held
}

// HeldUDPAddr is HeldTCPAddr for a *net.UDPAddr.
func (e Endpoint) HeldUDPAddr() *net.Addr {
	if e.family == 0 {
		return nil
	}
	a := new(struct {
		udpAddr
		held net.Addr
	})
	a.held = a.set(e)
	return &a.held
}
