package sys

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RawAddr is any socket address as the kernel has it. The zero RawAddr is
// none, and room for one.
type RawAddr struct {
	any  unix.RawSockaddrAny
	size uint32
}

// Endpoint returns the internet address in a, or none.
//
// The casts are sound: RawSockaddrAny is as large as any socket address, and
// the family tells which of them it holds.
func (a *RawAddr) Endpoint() (e Endpoint) {
	switch a.any.Addr.Family {
	case unix.AF_INET:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.any))
		e.family = 4
		copy(e.ip[:], sa.Addr[:])
		e.port = fromNetwork(&sa.Port)
	case unix.AF_INET6:
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&a.any))
		e.family = 6
		e.ip = sa.Addr
		e.zone = sa.Scope_id
		e.port = fromNetwork(&sa.Port)
	}
	return e
}

// SetEndpoint makes a the internet address e, which is not none.
func (a *RawAddr) SetEndpoint(e Endpoint) {
	switch e.family {
	case 4:
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.any))
		*sa = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte(e.ip[:4])}
		toNetwork(&sa.Port, e.port)
		a.size = unix.SizeofSockaddrInet4
	case 6:
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&a.any))
		*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: e.ip, Scope_id: e.zone}
		toNetwork(&sa.Port, e.port)
		a.size = unix.SizeofSockaddrInet6
	}
}

// Invalidate makes a an address that every system call refuses with EINVAL.
func (a *RawAddr) Invalidate() { a.size = 1 }

// fromNetwork reads a port, which lies in memory in network order.
func fromNetwork(port *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:])
}

// toNetwork is the way back.
func toNetwork(port *uint16, n uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(port))[:], n)
}
