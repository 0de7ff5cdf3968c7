package conn

import (
	"context"
	"net"
	"runtime"
	"syscall"
	"time"

	"github.com/moor-net/moor/internal/netfd"
)

// TCPConn is a TCP connection: net.TCPConn on an event loop.
type TCPConn struct {
	conn
}

// NewTCPConn makes a connection of a descriptor. It is for package listener;
// no other package can name the argument's type.
func NewTCPConn(fd *netfd.FD) *TCPConn {
	c := new(TCPConn)
	c.adopt(fd)
	return c
}

// DialTCP connects to raddr on the network "tcp", "tcp4" or "tcp6", from laddr
// unless that is nil.
func DialTCP(network string, laddr, raddr *net.TCPAddr) (*TCPConn, error) {
	return new(Dialer).dialTCPAddr(context.Background(), network, laddr, raddr)
}

// CloseRead shuts down the reading side: later reads return io.EOF.
func (c *TCPConn) CloseRead() error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("close", c.fd.CloseRead())
}

// CloseWrite shuts down the writing side: the peer reads the end of the
// stream.
func (c *TCPConn) CloseWrite() error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("close", c.fd.CloseWrite())
}

// SetLinger sets what Close does with data not sent yet: below zero (the
// default) it is sent in the background, zero discards it and resets the
// connection, above zero it is sent for that many seconds, then perhaps
// discarded.
func (c *TCPConn) SetLinger(sec int) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("set", c.fd.SetLinger(sec))
}

// SetKeepAlive turns keep-alive probes on or off.
func (c *TCPConn) SetKeepAlive(keepalive bool) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("set", c.fd.SetKeepAlive(keepalive))
}

// SetKeepAlivePeriod sets how long the connection is idle before the first
// probe, rounded up to seconds.
func (c *TCPConn) SetKeepAlivePeriod(d time.Duration) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("set", c.fd.SetKeepAliveIdle(d))
}

// SetKeepAliveConfig configures keep-alive probes.
func (c *TCPConn) SetKeepAliveConfig(config net.KeepAliveConfig) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("set", c.fd.SetKeepAliveConfig(config))
}

// SetNoDelay says whether small writes are sent at once (the default) or
// delayed in the hope of more (Nagle's algorithm).
func (c *TCPConn) SetNoDelay(noDelay bool) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("set", c.fd.SetNoDelay(noDelay))
}

// MultipathTCP reports whether the connection uses Multipath TCP (RFC 8684).
func (c *TCPConn) MultipathTCP() (bool, error) {
	if !c.ok() {
		return false, syscall.EINVAL
	}
	defer runtime.KeepAlive(c)
	return c.fd.MultipathTCP(), nil
}
