package netfd

import "net"

// Inet is an address and port of any of package net's internet types. A nil
// Inet is no address.
type Inet struct {
	IP   net.IP
	Port int
	Zone string
}

// InetOf returns a's parts, nil when a is nil or no TCP or UDP address.
func InetOf(a net.Addr) *Inet {
	switch a := a.(type) {
	case *net.TCPAddr:
		if a != nil {
			return &Inet{a.IP, a.Port, a.Zone}
		}
	case *net.UDPAddr:
		if a != nil {
			return &Inet{a.IP, a.Port, a.Zone}
		}
	}
	return nil
}

func (a *Inet) String() string {
	if a == nil {
		return "<nil>"
	}
	return (&net.TCPAddr{IP: a.IP, Port: a.Port, Zone: a.Zone}).String()
}

func (a *Inet) wildcard() bool { return a == nil || a.IP == nil || a.IP.IsUnspecified() }

// destination returns where a socket of network n is to be connected to for a. Where the
// kernel has no address of the host's own for "all addresses" that is the loopback's, as
// in package net.
func (a *Inet) destination(n Network) *Inet {
	if a == nil || connectsToWildcards || !a.wildcard() {
		return a
	}
	local := *a
	local.IP = net.IPv4(127, 0, 0, 1)
	if n == TCP6 || n == UDP6 {
		local.IP = net.IPv6loopback
	}
	return &local
}

func (a *Inet) ipv4() bool { return a == nil || len(a.IP) <= net.IPv4len || a.IP.To4() != nil }
