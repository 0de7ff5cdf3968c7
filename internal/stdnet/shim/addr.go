package shim

import "net"

// TCPAddrIsWildcard reports whether a names no particular address.
func TCPAddrIsWildcard(a *net.TCPAddr) bool { return a == nil || a.IP.IsUnspecified() }

// UDPAddrIsWildcard reports whether a names no particular address.
func UDPAddrIsWildcard(a *net.UDPAddr) bool { return a == nil || a.IP.IsUnspecified() }

// IPAddrIsWildcard reports whether a names no particular address.
func IPAddrIsWildcard(a *net.IPAddr) bool { return a == nil || a.IP.IsUnspecified() }
