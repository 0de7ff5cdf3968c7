package listener

import (
	"context"
	"net"
	"syscall"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// A ListenConfig holds options for listening. Its fields mean what
// net.ListenConfig's mean, where that has them; the zero value is Listen. It
// may be used concurrently.
type ListenConfig struct {
	// Control is called with the socket before it is bound.
	Control func(network, address string, c syscall.RawConn) error
	// KeepAlive is the period of the connections' keep-alive probes unless
	// KeepAliveConfig is enabled: 15 s when zero, none when negative.
	KeepAlive time.Duration
	// KeepAliveConfig configures the connections' keep-alive probes.
	KeepAliveConfig net.KeepAliveConfig
	// ReusePort lets several listeners, of one process or many, share an
	// address: the kernel spreads connections over them (SO_REUSEPORT of
	// socket(7)). Windows has nothing like it, and Listen fails.
	ReusePort bool
	// PerLoop makes Listen on a TCP network open one listening socket for each
	// loop, all on the same address (SO_REUSEPORT), and return a
	// *PerLoopListener: the kernel spreads connections over the sockets, and
	// each begins on its socket's loop.
	PerLoop bool
	// Backlog is the length of the queue of connections that wait for Accept;
	// the system's maximum when zero.
	Backlog int
	// Runtime is where listeners and their connections belong;
	// runtime.Default's when nil.
	Runtime *moorrt.Runtime

	mptcp netfd.MPTCP
}

// Listen listens on address with the default configuration: see net.Listen.
// The networks are those of TCP, "unix" and "unixpacket"; all others are
// package net's own.
func Listen(network, address string) (net.Listener, error) {
	return new(ListenConfig).Listen(context.Background(), network, address)
}

// ListenPacket makes a socket that receives datagrams at address with the
// default configuration: see net.ListenPacket and ListenConfig.ListenPacket.
func ListenPacket(network, address string) (net.PacketConn, error) {
	return new(ListenConfig).ListenPacket(context.Background(), network, address)
}

// MultipathTCP reports whether listeners try Multipath TCP.
func (lc *ListenConfig) MultipathTCP() bool { return lc.mptcp.Listen() }

// SetMultipathTCP says whether listeners try Multipath TCP; plain TCP is the
// fallback. The default is the system's, as GODEBUG=multipathtcp changes it.
func (lc *ListenConfig) SetMultipathTCP(use bool) { lc.mptcp.Set(use) }

// Listen listens on address: see net.ListenConfig.Listen. ctx bounds the
// resolution of a name and has no effect on the listener.
func (lc *ListenConfig) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	n := netfd.NetworkOf(network)
	if !n.IsTCP() && n != netfd.Unix && n != netfd.Unixpacket {
		return lc.std().Listen(ctx, network, address)
	}
	addrs, err := netfd.Resolve(ctx, net.DefaultResolver, n, address, nil, false)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	switch laddr := netfd.First(addrs).(type) {
	case *net.TCPAddr:
		if lc.PerLoop {
			return orNil(lc.listenPerLoop(ctx, n, laddr))
		}
		return orNil(lc.listenTCP(ctx, n, laddr))
	case *net.UnixAddr:
		return orNil(lc.listenUnix(ctx, n, laddr))
	}
	return nil, &net.OpError{Op: "listen", Net: network, Err: net.UnknownNetworkError(network)}
}

// ListenPacket makes a socket that receives datagrams at address: see
// net.ListenConfig.ListenPacket. The networks are those of UDP and "unixgram"; all
// others are package net's own. ctx bounds the resolution of a name and has no effect on
// the socket.
func (lc *ListenConfig) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	n := netfd.NetworkOf(network)
	if !n.IsPacket() {
		return lc.std().ListenPacket(ctx, network, address)
	}
	fd, err := netfd.ListenPacket(ctx, lc.Runtime, n, address, lc.options())
	if err != nil {
		return nil, err
	}
	return conn.NewPacketConn(fd), nil
}

// std returns the net.ListenConfig with the same fields.
func (lc *ListenConfig) std() *net.ListenConfig {
	return &net.ListenConfig{Control: lc.Control, KeepAlive: lc.KeepAlive, KeepAliveConfig: lc.KeepAliveConfig}
}

func (lc *ListenConfig) options() netfd.ListenOptions {
	opts := netfd.ListenOptions{MPTCP: lc.MultipathTCP(), Backlog: lc.Backlog, ReusePort: lc.ReusePort,
		KeepAlive: netfd.ResolveKeepAlive(lc.KeepAlive, lc.KeepAliveConfig)}
	if lc.Control != nil {
		opts.Control = func(_ context.Context, network, address string, c syscall.RawConn) error {
			return lc.Control(network, address, c)
		}
	}
	return opts
}

// orNil keeps a nil pointer from becoming an interface that is not nil.
func orNil[L net.Listener](l L, err error) (net.Listener, error) {
	if err != nil {
		return nil, err
	}
	return l, nil
}

func (lc *ListenConfig) runtime() (*moorrt.Runtime, error) {
	if lc.Runtime != nil {
		return lc.Runtime, nil
	}
	return moorrt.Default()
}

func (lc *ListenConfig) listenTCP(ctx context.Context, n netfd.Network, laddr *net.TCPAddr) (*TCPListener, error) {
	rt, err := lc.runtime()
	if err != nil {
		return nil, failed(n.String(), laddr, err)
	}
	return listenTCP(ctx, rt, n, laddr, lc.options())
}

func listenTCP(ctx context.Context, rt *moorrt.Runtime, n netfd.Network, laddr *net.TCPAddr, opts netfd.ListenOptions) (*TCPListener, error) {
	fd, err := netfd.ListenTCP(ctx, rt, n, netfd.InetOf(laddr), opts)
	if err != nil {
		return nil, failed(n.String(), laddr, err)
	}
	return newTCPListener(fd, rt, opts.KeepAlive), nil
}
