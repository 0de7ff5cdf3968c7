package listener

import (
	"context"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// UnixListener listens for connections of Unix domain sockets: net.UnixListener
// on an event loop. Any number of goroutines may call any method at the same
// time.
type UnixListener struct {
	socket
	path   string // empty for a name that is no path
	unlink atomic.Bool
	once   sync.Once // for the unlinking
}

// ListenUnix listens on the network "unix" or "unixpacket" at laddr.
func ListenUnix(network string, laddr *net.UnixAddr) (*UnixListener, error) {
	n := netfd.NetworkOf(network)
	if n != netfd.Unix && n != netfd.Unixpacket {
		return nil, failed(network, laddr, net.UnknownNetworkError(network))
	}
	if laddr == nil {
		return nil, failed(network, laddr, netfd.ErrMissingAddress)
	}
	return new(ListenConfig).listenUnix(context.Background(), n, laddr)
}

func (lc *ListenConfig) listenUnix(ctx context.Context, n netfd.Network, laddr *net.UnixAddr) (*UnixListener, error) {
	rt, err := lc.runtime()
	if err != nil {
		return nil, failed(n.String(), laddr, err)
	}
	fd, err := netfd.ListenUnix(ctx, rt, n, laddr, lc.options())
	if err != nil {
		return nil, failed(n.String(), laddr, err)
	}
	return newUnixListener(fd, rt, true), nil
}

func newUnixListener(fd *netfd.FD, rt *moorrt.Runtime, unlink bool) *UnixListener {
	l := new(UnixListener)
	if a, ok := fd.LocalAddr().(*net.UnixAddr); ok && a.Name != "" && a.Name[0] != '@' {
		l.path = a.Name
	}
	l.unlink.Store(unlink)
	l.adopt(fd, rt)
	return l
}

func (l *UnixListener) ok() bool { return l != nil && l.fd != nil }

// Accept implements net.Listener: it waits for a connection, which is a
// *conn.UnixConn on the least loaded loop.
func (l *UnixListener) Accept() (net.Conn, error) {
	c, err := l.AcceptUnix()
	if err != nil {
		return nil, err // not c, which would be a nil pointer in an interface
	}
	return c, nil
}

// AcceptUnix is Accept with the connection's own type.
func (l *UnixListener) AcceptUnix() (*conn.UnixConn, error) {
	if !l.ok() {
		return nil, syscall.EINVAL
	}
	fd, err := l.fd.AcceptUnix(l.rt)
	runtime.KeepAlive(l)
	if err != nil {
		return nil, l.fail("accept", err)
	}
	return conn.NewUnixConn(fd), nil
}

// Close implements net.Listener. It ends every blocked Accept, whose error
// matches net.ErrClosed, as does a second Close's. Connections are not
// affected. The first Close removes the socket's file, which the system does
// not, before the descriptor is closed: whoever listens at the same path next
// is sure to keep its own. See SetUnlinkOnClose.
func (l *UnixListener) Close() error {
	if !l.ok() {
		return syscall.EINVAL
	}
	l.once.Do(func() {
		if l.path != "" && l.unlink.Load() {
			syscall.Unlink(l.path)
		}
	})
	return l.close()
}

// SetUnlinkOnClose says whether Close removes the socket's file. It does by
// default if the listener made the file, not if it was made by FileListener.
func (l *UnixListener) SetUnlinkOnClose(unlink bool) { l.unlink.Store(unlink) }

// Addr implements net.Listener: the *net.UnixAddr that it listens on, which
// must not be changed.
func (l *UnixListener) Addr() net.Addr { return l.fd.LocalAddr() }

// SetDeadline sets the deadline of Accept; the zero time is none. As in
// package net its error, for once, is in no *net.OpError.
func (l *UnixListener) SetDeadline(t time.Time) error {
	if !l.ok() {
		return syscall.EINVAL
	}
	defer runtime.KeepAlive(l)
	return l.fd.SetDeadline(t)
}

// File returns a duplicate of the listener's descriptor as an os.File. Closing
// one does not close the other. The two share the non-blocking mode: the
// File's Fd method turns it off, as package net's does, and Accept then
// depends on nobody else accepting from the same socket.
func (l *UnixListener) File() (*os.File, error) {
	if !l.ok() {
		return nil, syscall.EINVAL
	}
	return l.file()
}

// Detach takes the descriptor out of the listener and gives it to the caller
// as an os.File, which is non-blocking and which no event loop knows any more.
// The listener is as after Close: blocked and later calls return errors that
// match net.ErrClosed, as does a second Detach. Connections that wait to be
// accepted go with the descriptor.
func (l *UnixListener) Detach() (*os.File, error) {
	if !l.ok() {
		return nil, syscall.EINVAL
	}
	l.once.Do(func() {}) // the socket's file stays
	return l.detach()
}

// SyscallConn returns access to the descriptor: see syscall.Conn. Its Read and
// Write return EINVAL.
func (l *UnixListener) SyscallConn() (syscall.RawConn, error) {
	if !l.ok() {
		return nil, syscall.EINVAL
	}
	return rawListener{&l.socket}, nil
}
