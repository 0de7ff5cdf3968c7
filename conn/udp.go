package conn

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"syscall"

	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// UDPConn is a UDP socket: net.UDPConn on an event loop. Read and Write are
// for those that were dialled and have a peer, ReadFrom and WriteTo for those
// that listen.
type UDPConn struct {
	conn
}

var (
	_ net.Conn       = (*UDPConn)(nil)
	_ net.PacketConn = (*UDPConn)(nil)
	_ syscall.Conn   = (*UDPConn)(nil)
)

func newUDPConn(fd *netfd.FD) *UDPConn {
	c := new(UDPConn)
	c.adopt(fd)
	return c
}

// DialUDP makes a connection to raddr on the network "udp", "udp4" or "udp6",
// from laddr unless that is nil.
func DialUDP(network string, laddr, raddr *net.UDPAddr) (*UDPConn, error) {
	return new(Dialer).dialUDPAddr(context.Background(), network, laddr, raddr)
}

// dialUDPAddr connects to one address, given by its parts.
func (d *Dialer) dialUDPAddr(ctx context.Context, network string, laddr, raddr *net.UDPAddr) (*UDPConn, error) {
	fail := func(err error) (*UDPConn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Source: addr(laddr), Addr: addr(raddr), Err: err}
	}
	n := netfd.NetworkOf(network)
	if !n.IsUDP() {
		return fail(net.UnknownNetworkError(network))
	}
	if raddr == nil {
		return fail(netfd.ErrMissingAddress)
	}
	c, err := d.connectUDP(ctx, n, laddr, raddr)
	if err != nil {
		return fail(err)
	}
	return c, nil
}

func (d *Dialer) connectUDP(ctx context.Context, n netfd.Network, laddr, raddr *net.UDPAddr) (*UDPConn, error) {
	rt, err := d.runtime()
	if err != nil {
		return nil, err
	}
	fd, err := netfd.DialUDP(ctx, rt, n, netfd.InetOf(addr(laddr)), netfd.InetOf(addr(raddr)), d.control())
	if err != nil {
		return nil, err
	}
	return newUDPConn(fd), nil
}

// ListenUDP makes a socket that receives datagrams at laddr on the network
// "udp", "udp4" or "udp6"; nil means any port of all addresses.
func ListenUDP(network string, laddr *net.UDPAddr) (*UDPConn, error) {
	return listenUDP(network, laddr, true, func(rt *moorrt.Runtime, n netfd.Network, laddr *netfd.Inet) (*netfd.FD, error) {
		return netfd.ListenUDP(context.Background(), rt, n, laddr, netfd.ListenOptions{})
	})
}

// ListenMulticastUDP makes a socket that receives the datagrams of the group
// gaddr that come in on an interface, or on one of the system's choice if ifi
// is nil: see net.ListenMulticastUDP.
func ListenMulticastUDP(network string, ifi *net.Interface, gaddr *net.UDPAddr) (*UDPConn, error) {
	return listenUDP(network, gaddr, false, func(rt *moorrt.Runtime, n netfd.Network, gaddr *netfd.Inet) (*netfd.FD, error) {
		return netfd.ListenMulticastUDP(context.Background(), rt, n, ifi, gaddr)
	})
}

// listenUDP checks the arguments of ListenUDP and ListenMulticastUDP and puts
// errors into their form. Only the former can do without an address.
func listenUDP(network string, laddr *net.UDPAddr, wildcard bool, open func(*moorrt.Runtime, netfd.Network, *netfd.Inet) (*netfd.FD, error)) (*UDPConn, error) {
	fail := func(err error) (*UDPConn, error) {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: addr(laddr), Err: err}
	}
	n := netfd.NetworkOf(network)
	if !n.IsUDP() {
		return fail(net.UnknownNetworkError(network))
	}
	switch {
	case wildcard && laddr == nil:
		laddr = &net.UDPAddr{}
	case !wildcard && (laddr == nil || laddr.IP == nil):
		return fail(netfd.ErrMissingAddress)
	}
	rt, err := moorrt.Default()
	if err != nil {
		return fail(err)
	}
	fd, err := open(rt, n, netfd.InetOf(laddr))
	if err != nil {
		return fail(err)
	}
	return newUDPConn(fd), nil
}

// ReadFrom implements net.PacketConn: it reads one datagram into b, what does
// not fit is lost. (On Windows that is an error, WSAEMSGSIZE, with the bytes that
// fit.) The address is a *net.UDPAddr, the only allocation.
func (c *UDPConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDP(b)
	if err != nil {
		return n, nil, err // not from, which would be a nil pointer in an interface
	}
	return n, from, nil
}

// ReadFromUDP is ReadFrom with the address's own type.
func (c *UDPConn) ReadFromUDP(b []byte) (n int, addr *net.UDPAddr, err error) {
	if !c.ok() {
		return 0, nil, syscall.EINVAL
	}
	n, from, err := c.fd.ReadUDP(b)
	if err != nil {
		return n, nil, c.do("read", err)
	}
	runtime.KeepAlive(c)
	return n, from.UDPAddr(), nil
}

// ReadFromUDPAddrPort is ReadFrom without an allocation. On a socket for both
// versions of IP an IPv4 sender is an IPv4-mapped IPv6 address: see
// netip.Addr.Unmap.
func (c *UDPConn) ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error) {
	if !c.ok() {
		return 0, netip.AddrPort{}, syscall.EINVAL
	}
	n, from, err := c.fd.ReadUDP(b)
	return n, from.AddrPort(), c.do("read", err)
}

// ReadMsgUDP reads one datagram into b and its control messages into oob: see
// net.UDPConn.ReadMsgUDP. flags are those of recvmsg(2), such as MSG_TRUNC.
func (c *UDPConn) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	if !c.ok() {
		return 0, 0, 0, nil, syscall.EINVAL
	}
	n, oobn, flags, from, err := c.fd.ReadMsgUDP(b, oob)
	return n, oobn, flags, from.UDPAddr(), c.do("read", err)
}

// ReadMsgUDPAddrPort is ReadMsgUDP without an allocation.
func (c *UDPConn) ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error) {
	if !c.ok() {
		return 0, 0, 0, netip.AddrPort{}, syscall.EINVAL
	}
	n, oobn, flags, from, err := c.fd.ReadMsgUDP(b, oob)
	return n, oobn, flags, from.AddrPort(), c.do("read", err)
}

// WriteTo implements net.PacketConn: it sends b as one datagram to addr, a
// *net.UDPAddr. If the connection was dialled the error is
// net.ErrWriteToConnected.
func (c *UDPConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	to, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, c.sent(syscall.EINVAL, addr)
	}
	return c.WriteToUDP(b, to)
}

// WriteToUDP is WriteTo with the address's own type.
func (c *UDPConn) WriteToUDP(b []byte, to *net.UDPAddr) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.fd.WriteUDP(b, to)
	return n, c.sent(err, addr(to))
}

// WriteToUDPAddrPort is WriteTo without an allocation.
func (c *UDPConn) WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.fd.WriteUDPAddrPort(b, addr)
	if err != nil {
		err = c.sent(err, addrPort{addr})
	}
	runtime.KeepAlive(c)
	return n, err
}

// WriteMsgUDP sends b as one datagram with the control messages in oob, to
// addr, or if the connection was dialled and addr is nil to its peer. It
// returns both lengths.
func (c *UDPConn) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if !c.ok() {
		return 0, 0, syscall.EINVAL
	}
	n, oobn, err = c.fd.WriteMsgUDP(b, oob, to)
	return n, oobn, c.sent(err, addr(to))
}

// WriteMsgUDPAddrPort is WriteMsgUDP for a netip.AddrPort; the zero one stands
// for nil.
func (c *UDPConn) WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error) {
	if !c.ok() {
		return 0, 0, syscall.EINVAL
	}
	n, oobn, err = c.fd.WriteMsgUDPAddrPort(b, oob, addr)
	if err != nil {
		err = c.sent(err, addrPort{addr})
	}
	runtime.KeepAlive(c)
	return n, oobn, err
}

// addrPort is a netip.AddrPort as errors carry it.
type addrPort struct{ netip.AddrPort }

// Network returns "udp".
func (addrPort) Network() string { return "udp" }
