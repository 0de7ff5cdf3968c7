package conn

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// A Dialer connects to addresses. Its fields mean what net.Dialer's mean, its
// zero value dials without options, and it may be used concurrently.
type Dialer struct {
	// Timeout bounds a dial, name resolution included; zero is no bound.
	// Each of several addresses gets its share of it.
	Timeout time.Duration
	// Deadline is Timeout as a moment; zero is none.
	Deadline time.Time
	// LocalAddr is the address to dial from, of the network's type.
	LocalAddr net.Addr
	// DualStack is ignored: FallbackDelay decides.
	//
	// Deprecated: as in package net.
	DualStack bool
	// FallbackDelay is how long the first address family of a "tcp" dial is
	// tried alone (RFC 8305); 300 ms when zero, for ever when negative.
	FallbackDelay time.Duration
	// KeepAlive is the period of keep-alive probes unless KeepAliveConfig is
	// enabled: 15 s when zero, none when negative.
	KeepAlive time.Duration
	// KeepAliveConfig configures keep-alive probes.
	KeepAliveConfig net.KeepAliveConfig
	// Resolver looks names up; net.DefaultResolver when nil.
	Resolver *net.Resolver
	// Cancel ends the dial when closed.
	//
	// Deprecated: use DialContext.
	Cancel <-chan struct{}
	// Control is called with the socket before it is bound or connected.
	// ControlContext goes before it.
	Control func(network, address string, c syscall.RawConn) error
	// ControlContext is Control with the dial's context.
	ControlContext func(ctx context.Context, network, address string, c syscall.RawConn) error
	// Runtime is where connections belong; runtime.Default's when nil.
	Runtime *moorrt.Runtime

	mptcp netfd.MPTCP
}

// Dial connects to address on a network: see net.Dial. The networks are those
// of TCP, UDP and Unix sockets; all others are package net's own.
func Dial(network, address string) (net.Conn, error) {
	return new(Dialer).Dial(network, address)
}

// DialTimeout is Dial with a bound on the time, name resolution included.
func DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	return (&Dialer{Timeout: timeout}).Dial(network, address)
}

// Dial connects to address on a network: see net.Dialer.Dial.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext connects to address on a network: see net.Dialer.DialContext.
// When ctx ends first the error is package net's for that, and nothing is left
// behind. Once connected, ctx has no effect on the connection.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if ctx == nil {
		panic("nil context")
	}
	ctx, cancel := d.context(ctx)
	defer cancel()
	n := netfd.NetworkOf(network)
	if n == netfd.None {
		return d.std().DialContext(ctx, network, address)
	}
	addrs, err := netfd.Resolve(ctx, d.resolver(), n, address, d.LocalAddr, true)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if n == netfd.TCP && d.FallbackDelay >= 0 {
		if first, second := byFamily(addrs); second != nil {
			return d.race(ctx, n, first, second)
		}
	}
	return d.try(ctx, n, addrs)
}

// DialTCP connects to raddr on the network "tcp", "tcp4" or "tcp6", from laddr
// unless that is the zero AddrPort: see net.Dialer.DialTCP.
func (d *Dialer) DialTCP(ctx context.Context, network string, laddr, raddr netip.AddrPort) (*TCPConn, error) {
	if ctx == nil {
		panic("nil context")
	}
	ctx, cancel := d.context(ctx)
	defer cancel()
	return d.dialTCPAddr(ctx, network, net.TCPAddrFromAddrPort(laddr), net.TCPAddrFromAddrPort(raddr))
}

// DialUDP makes a connection to raddr on the network "udp", "udp4" or "udp6",
// from laddr unless that is the zero AddrPort: see net.Dialer.DialUDP.
func (d *Dialer) DialUDP(ctx context.Context, network string, laddr, raddr netip.AddrPort) (*UDPConn, error) {
	if ctx == nil {
		panic("nil context")
	}
	ctx, cancel := d.context(ctx)
	defer cancel()
	return d.dialUDPAddr(ctx, network, net.UDPAddrFromAddrPort(laddr), net.UDPAddrFromAddrPort(raddr))
}

// DialUnix connects to raddr on the network "unix", "unixgram" or
// "unixpacket", from laddr unless that is nil: see net.Dialer.DialUnix.
func (d *Dialer) DialUnix(ctx context.Context, network string, laddr, raddr *net.UnixAddr) (*UnixConn, error) {
	if ctx == nil {
		panic("nil context")
	}
	ctx, cancel := d.context(ctx)
	defer cancel()
	return d.dialUnixAddr(ctx, network, laddr, raddr)
}

// DialIP is package net's: raw IP sockets are not of this library.
func (d *Dialer) DialIP(ctx context.Context, network string, laddr, raddr netip.Addr) (*net.IPConn, error) {
	if ctx == nil {
		panic("nil context")
	}
	ctx, cancel := d.context(ctx)
	defer cancel()
	return d.std().DialIP(ctx, network, laddr, raddr)
}

// MultipathTCP reports whether dials try Multipath TCP.
func (d *Dialer) MultipathTCP() bool { return d.mptcp.Dial() }

// SetMultipathTCP says whether dials try Multipath TCP; plain TCP is the
// fallback. The default is the system's, as GODEBUG=multipathtcp changes it.
func (d *Dialer) SetMultipathTCP(use bool) { d.mptcp.Set(use) }

// std returns the net.Dialer with the same fields, except for the limits that
// context has put into the call's context.
func (d *Dialer) std() *net.Dialer {
	return &net.Dialer{LocalAddr: d.LocalAddr, FallbackDelay: d.FallbackDelay,
		KeepAlive: d.KeepAlive, KeepAliveConfig: d.KeepAliveConfig,
		Resolver: d.Resolver, Control: d.Control, ControlContext: d.ControlContext}
}

func (d *Dialer) resolver() *net.Resolver {
	if d.Resolver != nil {
		return d.Resolver
	}
	return net.DefaultResolver
}

func (d *Dialer) runtime() (*moorrt.Runtime, error) {
	if d.Runtime != nil {
		return d.Runtime, nil
	}
	return moorrt.Default()
}

func (d *Dialer) control() netfd.Control {
	switch {
	case d.ControlContext != nil:
		return d.ControlContext
	case d.Control != nil:
		return func(_ context.Context, network, address string, c syscall.RawConn) error {
			return d.Control(network, address, c)
		}
	}
	return nil
}

// context returns ctx bounded by the Dialer's own limits.
func (d *Dialer) context(ctx context.Context) (context.Context, context.CancelFunc) {
	until := d.Deadline
	if d.Timeout != 0 { // a negative one has passed
		if t := time.Now().Add(d.Timeout); until.IsZero() || t.Before(until) {
			until = t
		}
	}
	cancel := func() {}
	if !until.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, until)
	}
	if d.Cancel != nil {
		stop := cancel
		ctx, cancel = context.WithCancel(ctx)
		go func(ctx context.Context, called context.CancelFunc) {
			select {
			case <-d.Cancel:
				called()
			case <-ctx.Done():
			}
		}(ctx, cancel)
		called := cancel
		cancel = func() { called(); stop() }
	}
	return ctx, cancel
}

// dialTCPAddr connects to one address, given by its parts.
func (d *Dialer) dialTCPAddr(ctx context.Context, network string, laddr, raddr *net.TCPAddr) (*TCPConn, error) {
	fail := func(err error) (*TCPConn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Source: addr(laddr), Addr: addr(raddr), Err: err}
	}
	n := netfd.NetworkOf(network)
	if !n.IsTCP() {
		return fail(net.UnknownNetworkError(network))
	}
	if raddr == nil {
		return fail(netfd.ErrMissingAddress)
	}
	c, err := d.connectTCP(ctx, n, laddr, raddr)
	if err != nil {
		return fail(err)
	}
	return c, nil
}

// addr keeps a nil pointer from becoming an interface that is not nil.
func addr[T any, P interface {
	*T
	net.Addr
}](a P) net.Addr {
	if a == nil {
		return nil
	}
	return a
}

// connect opens a connection to an address that Resolve returned.
func (d *Dialer) connect(ctx context.Context, n netfd.Network, raddr net.Addr) (c net.Conn, err error) {
	switch raddr := raddr.(type) {
	case *net.TCPAddr:
		laddr, _ := d.LocalAddr.(*net.TCPAddr)
		c, err = d.connectTCP(ctx, n, laddr, raddr)
	case *net.UDPAddr:
		laddr, _ := d.LocalAddr.(*net.UDPAddr)
		c, err = d.connectUDP(ctx, n, laddr, raddr)
	case *net.UnixAddr:
		laddr, _ := d.LocalAddr.(*net.UnixAddr)
		c, err = d.connectUnix(ctx, n, laddr, raddr)
	}
	if err != nil {
		return nil, err // not c, which is a nil pointer in an interface
	}
	return c, nil
}

func (d *Dialer) connectTCP(ctx context.Context, n netfd.Network, laddr, raddr *net.TCPAddr) (*TCPConn, error) {
	rt, err := d.runtime()
	if err != nil {
		return nil, err
	}
	fd, err := netfd.DialTCP(ctx, rt, n, netfd.InetOf(addr(laddr)), netfd.InetOf(addr(raddr)), d.MultipathTCP(), d.control())
	if err != nil {
		return nil, err
	}
	fd.SetConnOptions(netfd.ResolveKeepAlive(d.KeepAlive, d.KeepAliveConfig))
	return NewTCPConn(fd), nil
}
