package conn

import (
	"context"
	"net"
	"syscall"

	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// UnixConn is a Unix domain socket: net.UnixConn on an event loop. It is a
// stream on the network "unix", datagrams on "unixgram", and messages of a
// connection, in order, on "unixpacket".
type UnixConn struct {
	conn
}

var (
	_ net.Conn       = (*UnixConn)(nil)
	_ net.PacketConn = (*UnixConn)(nil)
	_ syscall.Conn   = (*UnixConn)(nil)
)

// NewUnixConn makes a connection of a descriptor. It is for package listener;
// no other package can name the argument's type.
func NewUnixConn(fd *netfd.FD) *UnixConn {
	c := new(UnixConn)
	c.adopt(fd)
	return c
}

// DialUnix connects to raddr on the network "unix", "unixgram" or
// "unixpacket", from laddr unless that is nil. With datagrams raddr may be nil
// if laddr is not.
func DialUnix(network string, laddr, raddr *net.UnixAddr) (*UnixConn, error) {
	return new(Dialer).dialUnixAddr(context.Background(), network, laddr, raddr)
}

// dialUnixAddr connects to one address, given by its parts.
func (d *Dialer) dialUnixAddr(ctx context.Context, network string, laddr, raddr *net.UnixAddr) (*UnixConn, error) {
	fail := func(err error) (*UnixConn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Source: addr(laddr), Addr: addr(raddr), Err: err}
	}
	n := netfd.NetworkOf(network)
	if !n.IsUnix() {
		return fail(net.UnknownNetworkError(network))
	}
	c, err := d.connectUnix(ctx, n, laddr, raddr)
	if err != nil {
		return fail(err)
	}
	return c, nil
}

func (d *Dialer) connectUnix(ctx context.Context, n netfd.Network, laddr, raddr *net.UnixAddr) (*UnixConn, error) {
	rt, err := d.runtime()
	if err != nil {
		return nil, err
	}
	fd, err := netfd.DialUnix(ctx, rt, n, laddr, raddr, d.control())
	if err != nil {
		return nil, err
	}
	return NewUnixConn(fd), nil
}

// ListenUnixgram makes a socket that receives datagrams at laddr on the network
// "unixgram".
func ListenUnixgram(network string, laddr *net.UnixAddr) (*UnixConn, error) {
	fail := func(err error) (*UnixConn, error) {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: addr(laddr), Err: err}
	}
	if network != "unixgram" {
		return fail(net.UnknownNetworkError(network))
	}
	if laddr == nil {
		return fail(netfd.ErrMissingAddress)
	}
	rt, err := moorrt.Default()
	if err != nil {
		return fail(err)
	}
	fd, err := netfd.ListenUnix(context.Background(), rt, netfd.Unixgram, laddr, netfd.ListenOptions{})
	if err != nil {
		return fail(err)
	}
	return NewUnixConn(fd), nil
}

// CloseRead shuts down the reading side: later reads return io.EOF.
func (c *UnixConn) CloseRead() error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("close", c.fd.CloseRead())
}

// CloseWrite shuts down the writing side: the peer reads the end.
func (c *UnixConn) CloseWrite() error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("close", c.fd.CloseWrite())
}

// ReadFrom implements net.PacketConn: it reads one message into b. The address
// is a *net.UnixAddr, the only allocation, or nil if the sender has no name.
// Unlike Read's, the end of a stream comes as io.EOF in a *net.OpError, as
// package net has it.
func (c *UnixConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUnix(b)
	return n, addr(from), err
}

// ReadFromUnix is ReadFrom with the address's own type.
func (c *UnixConn) ReadFromUnix(b []byte) (int, *net.UnixAddr, error) {
	if !c.ok() {
		return 0, nil, syscall.EINVAL
	}
	n, from, err := c.fd.ReadUnix(b)
	return n, from, c.do("read", err)
}

// ReadMsgUnix reads one message into b and its control messages, such as
// descriptors, into oob: see net.UnixConn.ReadMsgUnix. If b is empty and oob is
// not, one byte of a stream is read and lost. Received descriptors are
// close-on-exec. flags are those of recvmsg(2).
func (c *UnixConn) ReadMsgUnix(b, oob []byte) (n, oobn, flags int, addr *net.UnixAddr, err error) {
	if !c.ok() {
		return 0, 0, 0, nil, syscall.EINVAL
	}
	n, oobn, flags, addr, err = c.fd.ReadMsgUnix(b, oob)
	return n, oobn, flags, addr, c.do("read", err)
}

// WriteTo implements net.PacketConn: it sends b as one message to addr, a
// *net.UnixAddr of the connection's network. If the connection was dialled the
// error is net.ErrWriteToConnected.
func (c *UnixConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	to, ok := addr.(*net.UnixAddr)
	if !ok {
		return 0, c.sent(syscall.EINVAL, addr)
	}
	return c.WriteToUnix(b, to)
}

// WriteToUnix is WriteTo with the address's own type.
func (c *UnixConn) WriteToUnix(b []byte, to *net.UnixAddr) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.fd.WriteUnix(b, to)
	return n, c.sent(err, addr(to))
}

// WriteMsgUnix sends b as one message with the control messages in oob, such as
// descriptors, to addr, or to the peer if addr is nil. It returns both lengths.
// If b is empty and oob is not, one byte is sent on a stream.
func (c *UnixConn) WriteMsgUnix(b, oob []byte, to *net.UnixAddr) (n, oobn int, err error) {
	if !c.ok() {
		return 0, 0, syscall.EINVAL
	}
	n, oobn, err = c.fd.WriteMsgUnix(b, oob, to)
	return n, oobn, c.sent(err, addr(to))
}
