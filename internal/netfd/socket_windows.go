package netfd

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// reusesAddresses is false: Windows lets an address be used again by itself, and
// what it calls SO_REUSEADDR takes ports away from others.
const reusesAddresses = false

// connectsToWildcards is false: connect says WSAEADDRNOTAVAIL.
const connectsToWildcards = false

// inheritsOptions: whether accepted sockets have the listening one's options
// has not been established here, so they are set on each.
const inheritsOptions = false

// mptcpProto is not known here: plain TCP is used.
const mptcpProto = 0

// maxBacklog is SOMAXCONN: the system's choice.
func maxBacklog() int { return 0x7fffffff }

// MultipathTCP reports that Multipath TCP is not in use.
func (fd *FD) MultipathTCP() bool { return false }

// openUDP sets what all UDP sockets have that are made here.
func (k socketKind) openUDP(s int) error {
	if k.family != windows.AF_INET6 {
		if err := windows.SetsockoptInt(windows.Handle(s), windows.SOL_SOCKET, windows.SO_BROADCAST, 1); err != nil {
			return call("setsockopt", err)
		}
	}
	return silence(s)
}

// silence makes a UDP socket not report datagrams that did not arrive, as package net
// does: the system makes a later read fail otherwise.
func silence(s int) error {
	const sioUDPNetReset = 0x9800000f
	if err := turnOff(s, windows.SIO_UDP_CONNRESET); err != nil {
		return call("wsaioctl", err)
	}
	// Wine does not know the other one.
	if err := turnOff(s, sioUDPNetReset); err != nil && err != windows.WSAEOPNOTSUPP {
		return call("wsaioctl", err)
	}
	return nil
}

func turnOff(s int, what uint32) error {
	var off, n uint32
	return windows.WSAIoctl(windows.Handle(s), what, (*byte)(unsafe.Pointer(&off)), uint32(unsafe.Sizeof(off)), nil, 0, &n, nil, 0)
}

// setReusePort fails: Windows does not share a port among listening sockets.
func setReusePort(int) error { return windows.WSAENOPROTOOPT }
