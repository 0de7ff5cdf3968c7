package conn

import (
	"net"
	"syscall"

	"golang.org/x/net/ipv4"
)

// A Message is one datagram of a batch. It is the type of that name in packages
// ipv4 and ipv6 of golang.org/x/net, whose PacketConns have the same methods.
// They work on a UDPConn, too, for options, groups and control messages; only
// their ReadFrom does not, which insists on package net's own type: ReadBatch
// serves instead.
//
// Buffers are filled or sent one after the other, as one datagram. OOB holds
// control messages. Addr is where the datagram comes from or goes to, a
// *net.UDPAddr. N and NN are the numbers of bytes of data and control messages,
// and Flags those of recvmsg(2), such as MSG_TRUNC.
type Message = ipv4.Message

// ReadBatch waits until there is a datagram and reads as many as are there, up
// to len(ms), into ms from the first on, on Linux with one system call. It
// returns how many, which may be fewer than are there for more than 1024. flags
// are those of recvmmsg(2), such as MSG_PEEK.
//
// The sender's address replaces Addr. It is only allocated if it differs from
// the *net.UDPAddr that is there already, from the last time for instance:
// such an address must not be changed.
func (c *UDPConn) ReadBatch(ms []Message, flags int) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.fd.ReadBatch(ms, flags)
	return n, c.do("read", err)
}

// WriteBatch sends all of ms in order, waiting for space if need be, on Linux
// with one system call for up to 1024. It returns how many it sent; an error
// concerns the next one, and those before are on their way. Addr is nil for the
// peer of a connection that was dialled. flags are those of sendmmsg(2).
func (c *UDPConn) WriteBatch(ms []Message, flags int) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.fd.WriteBatch(ms, flags)
	if err == nil || ms[n].Addr == nil {
		return n, c.do("write", err)
	}
	to := ms[n].Addr
	if a, ok := to.(*net.UDPAddr); ok {
		to = addr(a)
	}
	return n, c.sent(err, to)
}
