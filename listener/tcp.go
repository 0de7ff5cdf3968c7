package listener

import (
	"context"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// TCPListener listens for TCP connections: net.TCPListener on an event loop.
// Any number of goroutines may call any method at the same time.
type TCPListener struct {
	socket
	keepAlive netfd.KeepAlive
	fromFile  bool // connections may have nothing to inherit
}

// ListenTCP listens on the network "tcp", "tcp4" or "tcp6" at laddr; nil means
// any port of all addresses.
func ListenTCP(network string, laddr *net.TCPAddr) (*TCPListener, error) {
	n := netfd.NetworkOf(network)
	if !n.IsTCP() {
		return nil, failed(network, laddr, net.UnknownNetworkError(network))
	}
	if laddr == nil {
		laddr = &net.TCPAddr{}
	}
	return new(ListenConfig).listenTCP(context.Background(), n, laddr)
}

func newTCPListener(fd *netfd.FD, rt *moorrt.Runtime, ka netfd.KeepAlive) *TCPListener {
	l := &TCPListener{keepAlive: ka}
	l.adopt(fd, rt)
	return l
}

func (l *TCPListener) ok() bool { return l != nil && l.fd != nil }

// Accept implements net.Listener: it waits for a connection, which is a
// *conn.TCPConn on the least loaded loop.
func (l *TCPListener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err // not c, which would be a nil pointer in an interface
	}
	return c, nil
}

// AcceptTCP is Accept with the connection's own type.
func (l *TCPListener) AcceptTCP() (*conn.TCPConn, error) {
	if !l.ok() {
		return nil, syscall.EINVAL
	}
	fd, err := l.fd.AcceptTCP(l.rt, l.fromFile, l.keepAlive)
	runtime.KeepAlive(l)
	if err != nil {
		return nil, l.fail("accept", err)
	}
	return conn.NewTCPConn(fd), nil
}

// Close implements net.Listener. It ends every blocked Accept, whose error
// matches net.ErrClosed, as does a second Close's. Connections are not
// affected.
func (l *TCPListener) Close() error {
	if !l.ok() {
		return syscall.EINVAL
	}
	return l.close()
}

// Addr implements net.Listener: the *net.TCPAddr that it listens on, which must
// not be changed.
func (l *TCPListener) Addr() net.Addr {
	defer runtime.KeepAlive(l)
	return l.fd.LocalAddr()
}

// SetDeadline sets the deadline of Accept; the zero time is none. As in
// package net its error, for once, is in no *net.OpError.
func (l *TCPListener) SetDeadline(t time.Time) error {
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
func (l *TCPListener) File() (*os.File, error) {
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
func (l *TCPListener) Detach() (*os.File, error) {
	if !l.ok() {
		return nil, syscall.EINVAL
	}
	return l.detach()
}

// SyscallConn returns access to the descriptor: see syscall.Conn. Its Read and
// Write return EINVAL.
func (l *TCPListener) SyscallConn() (syscall.RawConn, error) {
	if !l.ok() {
		return nil, syscall.EINVAL
	}
	return rawListener{&l.socket}, nil
}
