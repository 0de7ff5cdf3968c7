package sys

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RawAddr is room for any socket address as the kernel writes it.
type RawAddr struct{ any unix.RawSockaddrAny }

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

// fromNetwork reads a port, which lies in memory in network order.
func fromNetwork(port *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:])
}
