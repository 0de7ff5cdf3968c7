//go:build unix && !linux

package netfd

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

func joinGroup4(s int, ifi *net.Interface, ip [4]byte) error {
	mreq := unix.IPMreq{Multiaddr: ip}
	if ifi != nil {
		own, err := address4(ifi)
		if err != nil {
			return err
		}
		mreq.Interface = own
		if err := unix.SetsockoptInet4Addr(s, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, own); err != nil {
			return call("setsockopt", err)
		}
	}
	if err := unix.SetsockoptByte(s, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0); err != nil {
		return call("setsockopt", err)
	}
	return call("setsockopt", unix.SetsockoptIPMreq(s, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &mreq))
}

// address4 returns an IPv4 address of the interface, by which these systems
// name it.
func address4(ifi *net.Interface) (ip [4]byte, err error) {
	addrs, err := ifi.Addrs()
	if err != nil {
		return ip, err
	}
	for _, a := range addrs {
		if a, ok := a.(*net.IPNet); ok && a.IP.To4() != nil {
			return [4]byte(a.IP.To4()), nil
		}
	}
	return ip, errors.New("no such network interface")
}
