//go:build unix || windows

package netfd

import (
	"context"
	"syscall"
	"time"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// dial makes a socket and connects it to raddr, from laddr unless that is nil.
func dial(ctx context.Context, rt *runtime.Runtime, k socketKind, laddr, raddr address, ctl Control) (*FD, error) {
	s, err := k.open()
	if err != nil {
		return nil, err
	}
	fd := k.fd()
	owned, err := fd.connect(ctx, rt, s, laddr, raddr, ctl)
	if err != nil {
		if owned {
			fd.Close()
		} else {
			sys.Close(s)
		}
		return nil, err
	}
	fd.connected = true
	fd.setLocal()
	return fd, nil
}

// connect binds, connects and waits. It reports whether fd has come to own the
// socket.
func (fd *FD) connect(ctx context.Context, rt *runtime.Runtime, s int, laddr, raddr address, ctl Control) (owned bool, err error) {
	if err := fd.callControl(ctx, ctl, raddr, s); err != nil {
		return false, err
	}
	if laddr != nil {
		local, err := laddr.sockaddr(int(fd.family))
		if err != nil {
			return false, err
		}
		if err := sys.Bind(s, local); err != nil {
			return false, call("bind", err)
		}
	}
	remote, err := raddr.sockaddr(int(fd.family))
	if err != nil {
		return false, err
	}
	switch err := sys.Connect(s, remote); err {
	case syscall.EINPROGRESS, syscall.EALREADY, syscall.EINTR:
	case nil, syscall.EISCONN:
		if err := ctx.Err(); err != nil {
			return false, ContextError(err)
		}
		if err := fd.Init(rt, s, fd.network.kind()); err != nil {
			return false, err
		}
		if !fd.askPeer() {
			fd.setPeer(remote)
		}
		return true, nil
	default:
		return false, call(fd.network.connectName(), err)
	}
	// On the same host the connection is mostly up already: the first look at
	// it does not wait for an event.
	if err := fd.Init(rt, s, runtime.Stream); err != nil {
		return false, err
	}
	return true, fd.awaitConnect(ctx)
}

// askPeer takes the peer's address from the kernel. It reports false when the
// socket is not connected.
func (fd *FD) askPeer() bool {
	sa, err := sys.Getpeername(fd.Sysfd())
	if err != nil {
		return false
	}
	fd.setPeer(sa)
	return true
}

func (fd *FD) setPeer(sa syscall.Sockaddr) {
	if name, ok := sys.UnixNameOf(sa); ok {
		fd.raddr.Store(fd.network.heldName(name))
	} else {
		fd.peer = sys.EndpointOf(sa)
	}
}

// setLocal takes the socket's own address from the kernel.
func (fd *FD) setLocal() {
	if !fd.network.IsUnix() {
		fd.LocalAddr()
		return
	}
	sa, _ := sys.Getsockname(fd.Sysfd())
	if name, ok := sys.UnixNameOf(sa); ok {
		fd.laddr.Store(fd.network.heldName(name))
	}
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
		case syscall.EINPROGRESS, syscall.EALREADY, syscall.EINTR:
		case 0, syscall.EISCONN:
			// The event may have been for something else.
			if fd.askPeer() {
				return nil
			}
			// Or the connection was up, and has been reset since.
			if errno := sys.End(fd.Sysfd()); errno != 0 {
				return call(fd.network.connectName(), errno)
			}
		default:
			return call(fd.network.connectName(), errno)
		}
	}
}
