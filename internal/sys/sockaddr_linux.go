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

// SetUnixName makes a the address of the Unix socket of that name: a path, or
// for a first '@' or NUL a name that is no path (unix(7), "abstract").
func (a *RawAddr) SetUnixName(name string) {
	sa := (*unix.RawSockaddrUnix)(unsafe.Pointer(&a.any))
	abstract := name != "" && (name[0] == '@' || name[0] == 0)
	if len(name) > len(sa.Path) || len(name) == len(sa.Path) && !abstract {
		a.Invalidate()
		return
	}
	*sa = unix.RawSockaddrUnix{Family: unix.AF_UNIX}
	for i := range len(name) {
		sa.Path[i] = int8(name[i])
	}
	a.size = uint32(unsafe.Offsetof(sa.Path)) + uint32(len(name))
	switch {
	case abstract:
		sa.Path[0] = 0
	case name != "":
		a.size++ // for the NUL
	}
}

// AppendUnixName appends the name in a to b. It reports false if a is no
// address of a Unix socket. As in package net a '@' stands for a leading NUL,
// also that of no name, and the name ends at the next NUL.
func (a *RawAddr) AppendUnixName(b []byte) ([]byte, bool) {
	if a.any.Addr.Family != unix.AF_UNIX {
		return b, false
	}
	for i, c := range (*unix.RawSockaddrUnix)(unsafe.Pointer(&a.any)).Path {
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

// Invalidate makes a an address that every system call refuses with EINVAL,
// whatever the socket: its size is negative.
func (a *RawAddr) Invalidate() { a.size = 1 << 31 }

// fromNetwork reads a port, which lies in memory in network order.
func fromNetwork(port *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:])
}

// toNetwork is the way back.
func toNetwork(port *uint16, n uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(port))[:], n)
}
