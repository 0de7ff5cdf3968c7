package sys

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/windows"
)

// RawAddr is any socket address as the system has it. The zero RawAddr is none,
// and room for one.
type RawAddr struct {
	any  windows.RawSockaddrAny
	size int32
}

// Endpoint returns the internet address in a, or none.
//
// The casts are sound: RawSockaddrAny is as large as any socket address, and
// the family tells which of them it holds.
func (a *RawAddr) Endpoint() (e Endpoint) {
	switch a.any.Addr.Family {
	case windows.AF_INET:
		sa := (*windows.RawSockaddrInet4)(unsafe.Pointer(&a.any))
		e.family = 4
		copy(e.ip[:], sa.Addr[:])
		e.port = fromNetwork(&sa.Port)
	case windows.AF_INET6:
		sa := (*windows.RawSockaddrInet6)(unsafe.Pointer(&a.any))
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
		sa := (*windows.RawSockaddrInet4)(unsafe.Pointer(&a.any))
		*sa = windows.RawSockaddrInet4{Family: windows.AF_INET, Addr: [4]byte(e.ip[:4])}
		toNetwork(&sa.Port, e.port)
		a.size = int32(unsafe.Sizeof(*sa))
	case 6:
		sa := (*windows.RawSockaddrInet6)(unsafe.Pointer(&a.any))
		*sa = windows.RawSockaddrInet6{Family: windows.AF_INET6, Addr: e.ip, Scope_id: e.zone}
		toNetwork(&sa.Port, e.port)
		a.size = int32(unsafe.Sizeof(*sa))
	}
}

// SetUnixName makes a the address of the Unix socket of that name: a path.
func (a *RawAddr) SetUnixName(name string) {
	sa := (*windows.RawSockaddrUnix)(unsafe.Pointer(&a.any))
	if len(name) >= len(sa.Path) {
		a.Invalidate()
		return
	}
	*sa = windows.RawSockaddrUnix{Family: windows.AF_UNIX}
	for i := range len(name) {
		sa.Path[i] = int8(name[i])
	}
	a.size = int32(unsafe.Offsetof(sa.Path)) + int32(len(name))
	if name != "" {
		a.size++ // for the NUL
	}
}

// AppendUnixName appends the name in a to b. It reports false if a is no
// address of a Unix socket. As in package net a '@' stands for a leading NUL,
// also that of no name, and the name ends at the next NUL.
func (a *RawAddr) AppendUnixName(b []byte) ([]byte, bool) {
	if a.any.Addr.Family != windows.AF_UNIX {
		return b, false
	}
	for i, c := range (*windows.RawSockaddrUnix)(unsafe.Pointer(&a.any)).Path {
		switch {
		case c != 0:
			b = append(b, byte(c))
		case i == 0:
			b = append(b, '@')
		default:
			return b, true
		}
	}
	return b, true
}

// Invalidate makes a an address that every call of this package refuses with
// EINVAL, which is what package net says before it asks the system.
func (a *RawAddr) Invalidate() { a.size = -1 }

// fromNetwork reads a port, which lies in memory in network order.
func fromNetwork(port *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:])
}

// toNetwork is the way back.
func toNetwork(port *uint16, n uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(port))[:], n)
}
