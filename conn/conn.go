package conn

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"time"

	"github.com/moor-net/moor/internal/netfd"
)

// conn is what all connections have in common.
type conn struct {
	fd *netfd.FD
}

func (c *conn) ok() bool { return c != nil && c.fd != nil }

// adopt makes the garbage collector close c when nobody refers to it any more.
// The loop refers to the descriptor alone.
func (c *conn) adopt(fd *netfd.FD) {
	c.fd = fd
	runtime.SetFinalizer(c, func(c *conn) { c.fd.Close() })
}

// FD returns the connection's descriptor. It is for package listener; no other
// package can name its type. Whoever keeps it keeps c too.
func (c *conn) FD() *netfd.FD { return c.fd }

// fail puts an error of an operation between both ends into package net's form.
func (c *conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: c.fd.Network(), Source: c.fd.LocalAddr(), Addr: c.fd.RemoteAddr(), Err: err}
}

// failLocal is fail for operations that concern this end alone.
func (c *conn) failLocal(op string, err error) error {
	return &net.OpError{Op: op, Net: c.fd.Network(), Addr: c.fd.LocalAddr(), Err: err}
}

// do gives the error of an operation on the socket its form.
func (c *conn) do(op string, err error) error {
	if err != nil {
		err = c.fail(op, err)
	}
	runtime.KeepAlive(c)
	return err
}

// sent gives the error of sending to an address its form.
func (c *conn) sent(err error, to net.Addr) error {
	if err != nil {
		err = &net.OpError{Op: "write", Net: c.fd.Network(), Source: c.fd.LocalAddr(), Addr: to, Err: err}
	}
	runtime.KeepAlive(c)
	return err
}

// Read implements net.Conn. At the end of the stream it returns io.EOF bare,
// any other error in a *net.OpError.
func (c *conn) Read(b []byte) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.fd.Read(b)
	if err != nil && err != io.EOF {
		err = c.fail("read", err)
	}
	runtime.KeepAlive(c)
	return n, err
}

// Write implements net.Conn: it writes all of b, not interleaved with any
// other Write, or returns an error.
func (c *conn) Write(b []byte) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.fd.Write(b)
	if err != nil {
		err = c.fail("write", err)
	}
	runtime.KeepAlive(c)
	return n, err
}

// Close implements net.Conn. It ends every blocked call, whose error matches
// net.ErrClosed, as does a second Close's.
func (c *conn) Close() error {
	if !c.ok() {
		return syscall.EINVAL
	}
	runtime.SetFinalizer(c, nil)
	if err := c.fd.Close(); err != nil {
		return c.fail("close", err)
	}
	return nil
}

// LocalAddr implements net.Conn. The address must not be changed.
func (c *conn) LocalAddr() net.Addr {
	if !c.ok() {
		return nil
	}
	defer runtime.KeepAlive(c)
	return c.fd.LocalAddr()
}

// RemoteAddr implements net.Conn. The address must not be changed.
func (c *conn) RemoteAddr() net.Addr {
	if !c.ok() {
		return nil
	}
	return c.fd.RemoteAddr()
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.set(c.fd.SetDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.set(c.fd.SetReadDeadline(t))
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.set(c.fd.SetWriteDeadline(t))
}

// set gives the error of setting something its form.
func (c *conn) set(err error) error {
	if err != nil {
		err = c.failLocal("set", err)
	}
	runtime.KeepAlive(c)
	return err
}

// SetReadBuffer sets the size of the kernel's receive buffer in bytes: SO_RCVBUF
// of socket(7).
func (c *conn) SetReadBuffer(bytes int) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.set(c.fd.SetReadBuffer(bytes))
}

// SetWriteBuffer sets the size of the kernel's send buffer in bytes: SO_SNDBUF
// of socket(7).
func (c *conn) SetWriteBuffer(bytes int) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.set(c.fd.SetWriteBuffer(bytes))
}
