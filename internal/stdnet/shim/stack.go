package shim

import (
	"net"
	"sync"
)

// SupportsIPv4 reports whether this machine can use IPv4.
var SupportsIPv4 = sync.OnceValue(func() bool { return canListen("tcp4", "127.0.0.1:0") })

// SupportsIPv6 reports whether this machine can use IPv6.
var SupportsIPv6 = sync.OnceValue(func() bool { return canListen("tcp6", "[::1]:0") })

// SupportsIPv4map reports whether an IPv6 socket takes IPv4 peers too.
var SupportsIPv4map = sync.OnceValue(func() bool {
	ln, err := net.Listen("tcp", ":0")
	if err != nil {
		return false
	}
	defer ln.Close()
	return SupportsIPv4() && ln.Addr().(*net.TCPAddr).IP.To4() == nil
})

// canListen reports whether a listener can be opened.
func canListen(network, address string) bool {
	ln, err := net.Listen(network, address)
	if err != nil {
		return false
	}
	ln.Close()
	return true
}
