//go:build unix || windows

package netfd

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// DialTCP connects to raddr, from laddr unless that is nil.
func DialTCP(ctx context.Context, rt *runtime.Runtime, n Network, laddr, raddr *Inet, mptcp bool, ctl Control) (*FD, error) {
	if mptcp {
		// Whatever goes wrong, plain TCP may do.
		if fd, err := dialTCP(ctx, rt, n, laddr, raddr, mptcpProto, ctl); err == nil {
			return fd, nil
		}
	}
	return dialTCP(ctx, rt, n, laddr, raddr, 0, ctl)
}

func dialTCP(ctx context.Context, rt *runtime.Runtime, n Network, laddr, raddr *Inet, proto int, ctl Control) (*FD, error) {
	fd, err := connectTCP(ctx, rt, n, laddr, raddr, proto, ctl)
	// When the kernel picks the local port it may pick the very port that is
	// dialled, and with nobody listening there the socket connects to itself;
	// or it may pick one that is just being used. Both are worth two retries.
	for i := 0; i < 2 && (laddr == nil || laddr.Port == 0); i++ {
		switch {
		case err == nil && fd.toItself():
			fd.Close()
		case errors.Is(err, syscall.EADDRNOTAVAIL):
		default:
			return fd, err
		}
		fd, err = connectTCP(ctx, rt, n, laddr, raddr, proto, ctl)
	}
	return fd, err
}

func (fd *FD) toItself() bool {
	local, ok := fd.LocalAddr().(*net.TCPAddr)
	return ok && local.Port == int(fd.peer.Port()) && local.AddrPort() == fd.peer.AddrPort()
}

func connectTCP(ctx context.Context, rt *runtime.Runtime, n Network, laddr, raddr *Inet, proto int, ctl Control) (*FD, error) {
	raddr = raddr.destination(n)
	return dial(ctx, rt, inetKind(n, laddr, raddr, false, proto), laddr.address(), raddr, ctl)
}

// ListenTCP opens a listening socket at laddr.
func ListenTCP(ctx context.Context, rt *runtime.Runtime, n Network, laddr *Inet, opts ListenOptions) (*FD, error) {
	if opts.MPTCP {
		if fd, err := listenTCP(ctx, rt, n, laddr, mptcpProto, opts); err == nil {
			return fd, nil
		}
	}
	return listenTCP(ctx, rt, n, laddr, 0, opts)
}

func listenTCP(ctx context.Context, rt *runtime.Runtime, n Network, laddr *Inet, proto int, opts ListenOptions) (*FD, error) {
	return listen(ctx, rt, inetKind(n, laddr, nil, true, proto), laddr, opts)
}

// AcceptTCP waits for a connection and gives it to a loop of rt. set says that
// the connection does not inherit its options from the listening socket.
func (fd *FD) AcceptTCP(rt *runtime.Runtime, set bool, ka KeepAlive) (*FD, error) {
	var addr sys.RawAddr
	s, err := fd.Accept(&addr)
	if err != nil {
		return nil, err
	}
	c := new(FD)
	if err := fd.initAccepted(c, s, addr.Endpoint(), rt, set, ka); err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptTCPInto is AcceptTCP for a zero FD that is part of something larger,
// which make returns once there is a connection.
func (fd *FD) AcceptTCPInto(make func() *FD, rt *runtime.Runtime, set bool, ka KeepAlive) error {
	var addr sys.RawAddr
	s, err := fd.Accept(&addr)
	if err != nil {
		return err
	}
	return fd.initAccepted(make(), s, addr.Endpoint(), rt, set, ka)
}

// initAccepted makes c own the connection s that fd has accepted.
func (fd *FD) initAccepted(c *FD, s int, peer sys.Endpoint, rt *runtime.Runtime, set bool, ka KeepAlive) error {
	c.network, c.family, c.peer = fd.network, fd.family, peer
	if local := fd.laddr.Load(); local != nil && !(*local).(*net.TCPAddr).IP.IsUnspecified() {
		c.laddr.Store(local) // a connection to this listener has no other
	}
	if set || !inheritsOptions {
		setConnOptions(s, ka)
	}
	if fd.stay {
		c.Place(fd.Loop())
	}
	if err := c.Init(rt, s, runtime.Stream); err != nil {
		sys.Close(s)
		return err
	}
	return nil
}
