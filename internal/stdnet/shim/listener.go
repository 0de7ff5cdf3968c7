package shim

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// CheckFirstListener checks that the socket of a TCP listener or a UDP conn is
// of the family that its network and address ask for: IPv6 where both families
// can be served by one socket and no address restricts it to one.
func CheckFirstListener(network string, ln any) error {
	family, addr, err := socketFamily(ln)
	if err != nil {
		return err
	}
	var ip net.IP
	switch a := addr.(type) {
	case *net.TCPAddr:
		ip = a.IP
	case *net.UDPAddr:
		ip = a.IP
	}
	want := syscall.AF_INET
	switch {
	case strings.HasSuffix(network, "6"):
		want = syscall.AF_INET6
	case strings.HasSuffix(network, "4"):
	case ip.IsUnspecified() && SupportsIPv4map(), ip.To4() == nil:
		want = syscall.AF_INET6
	}
	if family != want {
		return fmt.Errorf("%s listener at %v has a socket of family %d, want %d", network, addr, family, want)
	}
	return nil
}

// socketFamily returns the family of a socket and the address it is bound to.
func socketFamily(ln any) (int, net.Addr, error) {
	var addr net.Addr
	switch ln := ln.(type) {
	case net.Listener:
		addr = ln.Addr()
	case net.PacketConn:
		addr = ln.LocalAddr()
	}
	sc, ok := ln.(syscall.Conn)
	if !ok {
		return 0, nil, fmt.Errorf("%T has no SyscallConn", ln)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	var sa syscall.Sockaddr
	var saErr error
	if err := raw.Control(func(fd uintptr) { sa, saErr = sockname(fd) }); err != nil || saErr != nil {
		return 0, nil, errors.Join(err, saErr)
	}
	switch sa.(type) {
	case *syscall.SockaddrInet4:
		return syscall.AF_INET, addr, nil
	case *syscall.SockaddrInet6:
		return syscall.AF_INET6, addr, nil
	}
	return 0, nil, fmt.Errorf("%T as the name of a socket", sa)
}
