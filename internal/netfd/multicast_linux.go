package netfd

import (
	"net"

	"golang.org/x/sys/unix"
)

func joinGroup4(s int, ifi *net.Interface, ip [4]byte) error {
	mreq := unix.IPMreqn{Multiaddr: ip}
	if ifi != nil {
		mreq.Ifindex = int32(ifi.Index)
		if err := unix.SetsockoptIPMreqn(s, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: mreq.Ifindex}); err != nil {
			return call("setsockopt", err)
		}
	}
	if err := unix.SetsockoptInt(s, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0); err != nil {
		return call("setsockopt", err)
	}
	return call("setsockopt", unix.SetsockoptIPMreqn(s, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &mreq))
}
