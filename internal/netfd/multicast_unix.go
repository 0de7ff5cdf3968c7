//go:build unix

package netfd

import (
	"net"

	"golang.org/x/sys/unix"
)

func joinGroup6(s int, ifi *net.Interface, ip net.IP) error {
	var mreq unix.IPv6Mreq
	copy(mreq.Multiaddr[:], ip)
	if ifi != nil {
		mreq.Interface = uint32(ifi.Index)
		if err := unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, ifi.Index); err != nil {
			return call("setsockopt", err)
		}
	}
	if err := unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0); err != nil {
		return call("setsockopt", err)
	}
	return call("setsockopt", unix.SetsockoptIPv6Mreq(s, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &mreq))
}
