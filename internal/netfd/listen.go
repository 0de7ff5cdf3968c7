//go:build unix || windows

package netfd

import (
	"context"
	"syscall"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// listen makes a socket that is bound to laddr, and of a network with
// connections also listens there.
func listen(ctx context.Context, rt *runtime.Runtime, k socketKind, laddr address, opts ListenOptions) (*FD, error) {
	s, err := k.open()
	if err != nil {
		return nil, err
	}
	fd := k.fd()
	if k.network.kind() == runtime.Packet {
		err = fd.listenPacket(ctx, rt, s, laddr, opts)
	} else {
		err = fd.listen(ctx, rt, s, laddr, opts)
	}
	if err != nil {
		sys.Close(s)
		return nil, err
	}
	fd.setLocal()
	return fd, nil
}

func (fd *FD) listen(ctx context.Context, rt *runtime.Runtime, s int, laddr address, opts ListenOptions) error {
	if reusesAddresses {
		if err := sys.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
			return call("setsockopt", err)
		}
	}
	if err := fd.bind(ctx, s, laddr, opts); err != nil {
		return err
	}
	if inheritsOptions && fd.network.IsTCP() {
		setConnOptions(s, opts.KeepAlive)
	}
	backlog := opts.Backlog
	if backlog <= 0 {
		backlog = maxBacklog()
	}
	if err := sys.Listen(s, backlog); err != nil {
		return call("listen", err)
	}
	if opts.Loop != nil {
		fd.Place(opts.Loop)
		fd.stay = true
	}
	return fd.Init(rt, s, runtime.Listener)
}

func (fd *FD) listenPacket(ctx context.Context, rt *runtime.Runtime, s int, laddr address, opts ListenOptions) error {
	if in, ok := laddr.(*Inet); ok && in.IP.IsMulticast() {
		// Several sockets may receive a group's datagrams, and one socket
		// those of several groups: they share the port on all addresses.
		if err := sys.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
			return call("setsockopt", err)
		}
		laddr = in.wildcardOf(int(fd.family))
	}
	if err := fd.bind(ctx, s, laddr, opts); err != nil {
		return err
	}
	return fd.Init(rt, s, runtime.Packet)
}

// bind lets the user's Control function see the socket and gives it its
// address.
func (fd *FD) bind(ctx context.Context, s int, laddr address, opts ListenOptions) error {
	if opts.ReusePort && !fd.network.IsUnix() {
		if err := setReusePort(s); err != nil {
			return call("setsockopt", err)
		}
	}
	local, err := laddr.sockaddr(int(fd.family))
	if err != nil {
		return err
	}
	if err := fd.callControl(ctx, opts.Control, laddr, s); err != nil {
		return err
	}
	return call("bind", sys.Bind(s, local))
}
