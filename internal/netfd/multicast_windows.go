package netfd

import (
	"errors"
	"net"
	"syscall"
)

func joinGroup4(s int, ifi *net.Interface, ip [4]byte) error {
	h := syscall.Handle(s)
	mreq := syscall.IPMreq{Multiaddr: ip}
	if ifi != nil {
		own, err := address4(ifi)
		if err != nil {
			return err
		}
		mreq.Interface = own
		if err := syscall.SetsockoptInet4Addr(h, syscall.IPPROTO_IP, syscall.IP_MULTICAST_IF, own); err != nil {
			return call("setsockopt", err)
		}
	}
	if err := syscall.SetsockoptInt(h, syscall.IPPROTO_IP, syscall.IP_MULTICAST_LOOP, 0); err != nil {
		return call("setsockopt", err)
	}
	return call("setsockopt", syscall.SetsockoptIPMreq(h, syscall.IPPROTO_IP, syscall.IP_ADD_MEMBERSHIP, &mreq))
}

// address4 returns an IPv4 address of the interface, by which the system names
// it.
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

func joinGroup6(s int, ifi *net.Interface, ip net.IP) error {
	h := syscall.Handle(s)
	var mreq syscall.IPv6Mreq
	copy(mreq.Multiaddr[:], ip)
	if ifi != nil {
		mreq.Interface = uint32(ifi.Index)
		if err := syscall.SetsockoptInt(h, syscall.IPPROTO_IPV6, syscall.IPV6_MULTICAST_IF, ifi.Index); err != nil {
			return call("setsockopt", err)
		}
	}
	if err := syscall.SetsockoptInt(h, syscall.IPPROTO_IPV6, syscall.IPV6_MULTICAST_LOOP, 0); err != nil {
		return call("setsockopt", err)
	}
	return call("setsockopt", syscall.SetsockoptIPv6Mreq(h, syscall.IPPROTO_IPV6, syscall.IPV6_JOIN_GROUP, &mreq))
}
