//go:build unix

package netfd

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

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
		case errors.Is(err, unix.EADDRNOTAVAIL):
		default:
			return fd, err
		}
		fd, err = connectTCP(ctx, rt, n, laddr, raddr, proto, ctl)
	}
	return fd, err
}

func (fd *FD) toItself() bool { return sys.LocalEndpoint(fd.Sysfd()) == fd.peer }

func connectTCP(ctx context.Context, rt *runtime.Runtime, n Network, laddr, raddr *Inet, proto int, ctl Control) (*FD, error) {
	family, ipv6only := favoriteFamily(n, laddr, raddr, false)
	s, err := open(family, unix.SOCK_STREAM, proto, ipv6only)
	if err != nil {
		return nil, err
	}
	fd := &FD{network: n}
	owned, err := fd.connect(ctx, rt, s, family, laddr, raddr, ctl)
	if err != nil {
		if owned {
			fd.Close()
		} else {
			sys.Close(s)
		}
		return nil, err
	}
	fd.LocalAddr()
	return fd, nil
}

// connect binds, connects and waits. It reports whether fd has come to own the
// socket.
func (fd *FD) connect(ctx context.Context, rt *runtime.Runtime, s, family int, laddr, raddr *Inet, ctl Control) (owned bool, err error) {
	if err := control(ctx, ctl, fd.network, family, raddr.String(), s); err != nil {
		return false, err
	}
	if laddr != nil {
		local, err := laddr.endpoint(family)
		if err != nil {
			return false, err
		}
		if err := laddr.bind(s, local); err != nil {
			return false, err
		}
	}
	remote, err := raddr.endpoint(family)
	if err != nil {
		return false, err
	}
	fd.peer = remote
	if raddr.badPort() {
		return false, call("connect", unix.EINVAL)
	}
	switch err := unix.Connect(s, remote.Sockaddr()); err {
	case unix.EINPROGRESS, unix.EALREADY, unix.EINTR:
	case nil, unix.EISCONN:
		if err := ctx.Err(); err != nil {
			return false, ContextError(err)
		}
		if err := fd.Init(rt, s, runtime.Stream); err != nil {
			return false, err
		}
		fd.setPeer()
		return true, nil
	default:
		return false, call("connect", err)
	}
	if err := fd.InitConnecting(rt, s); err != nil {
		return false, err
	}
	return true, fd.awaitConnect(ctx)
}

// setPeer takes the peer's address from the kernel; where that fails, the one
// that was dialled stands.
func (fd *FD) setPeer() bool {
	sa, err := unix.Getpeername(fd.Sysfd())
	if err != nil {
		return false
	}
	fd.peer = sys.EndpointOf(sa)
	return true
}

// awaitConnect waits until the connect in progress has ended, or ctx has.
func (fd *FD) awaitConnect(ctx context.Context) (err error) {
	if ctx.Done() != nil {
		if deadline, ok := ctx.Deadline(); ok {
			fd.SetWriteDeadline(deadline)
			defer func() {
				if err == nil {
					fd.SetWriteDeadline(time.Time{})
				}
			}()
		}
		stop := context.AfterFunc(ctx, func() { fd.SetWriteDeadline(time.Unix(1, 0)) })
		defer func() {
			// If ctx ended just now the deadline above is set, or will be at
			// any moment: a connection that can't write is no success.
			if !stop() && err == nil {
				err = ContextError(ctx.Err())
			}
		}()
	}
	for {
		if err := fd.WaitWrite(); err != nil {
			if ctx.Err() != nil {
				return ContextError(ctx.Err())
			}
			return err
		}
		errno, err := sys.SocketError(fd.Sysfd())
		if err != nil {
			return call("getsockopt", err)
		}
		switch errno {
		case unix.EINPROGRESS, unix.EALREADY, unix.EINTR:
		case 0, unix.EISCONN:
			// The event may have been for something else.
			if fd.setPeer() {
				return nil
			}
		default:
			return call("connect", errno)
		}
	}
}

// ListenOptions are a TCP listener's.
type ListenOptions struct {
	Control   Control
	MPTCP     bool
	Backlog   int // the system's maximum when zero
	ReusePort bool
	KeepAlive KeepAlive // for the connections
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
	family, ipv6only := favoriteFamily(n, laddr, nil, true)
	s, err := open(family, unix.SOCK_STREAM, proto, ipv6only)
	if err != nil {
		return nil, err
	}
	fd := &FD{network: n}
	if err := fd.listen(ctx, rt, s, family, laddr, opts); err != nil {
		sys.Close(s)
		return nil, err
	}
	fd.LocalAddr()
	return fd, nil
}

func (fd *FD) listen(ctx context.Context, rt *runtime.Runtime, s, family int, laddr *Inet, opts ListenOptions) error {
	if err := unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return call("setsockopt", err)
	}
	if opts.ReusePort {
		if err := unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return call("setsockopt", err)
		}
	}
	local, err := laddr.endpoint(family)
	if err != nil {
		return err
	}
	if err := control(ctx, opts.Control, fd.network, family, laddr.String(), s); err != nil {
		return err
	}
	if err := laddr.bind(s, local); err != nil {
		return err
	}
	if inheritsOptions {
		setConnOptions(s, opts.KeepAlive)
	}
	backlog := opts.Backlog
	if backlog <= 0 {
		backlog = maxBacklog()
	}
	if err := unix.Listen(s, backlog); err != nil {
		return call("listen", err)
	}
	return fd.Init(rt, s, runtime.Listener)
}

// AcceptTCP waits for a connection and gives it to a loop of rt. set says that
// the connection does not inherit its options from the listening socket.
func (fd *FD) AcceptTCP(rt *runtime.Runtime, set bool, ka KeepAlive) (*FD, error) {
	var addr sys.RawAddr
	s, err := fd.Accept(&addr)
	if err != nil {
		return nil, err
	}
	c := &FD{network: fd.network, peer: addr.Endpoint()}
	if local := fd.laddr.Load(); local != nil && !local.IP.IsUnspecified() {
		c.laddr.Store(local) // a connection to this listener has no other
	}
	if set || !inheritsOptions {
		setConnOptions(s, ka)
	}
	if err := c.Init(rt, s, runtime.Stream); err != nil {
		sys.Close(s)
		return nil, err
	}
	return c, nil
}
