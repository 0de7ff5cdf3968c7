package conn

import (
	"context"
	"io"
	"net"
	"runtime"
	"syscall"
	"time"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/internal/netfd"
)

// PipeAddr is the name of a named pipe, such as \\.\pipe\name. Its network is
// "pipe".
type PipeAddr = netfd.PipeAddr

// PipeConn is a connection over a named pipe. Any number of goroutines may call
// any method at the same time. Its deadlines, and its errors but for those that
// the system has for pipes alone, are those of package net's connections.
//
// Over a pipe of messages each Write is one message, and a Read returns bytes of
// one message only: the rest of what does not fit comes with the next Read.
type PipeConn struct {
	pipe *netfd.Pipe
}

// NewPipeConn makes a connection of a pipe. It is for package listener; no other
// package can name the argument's type.
func NewPipeConn(p *netfd.Pipe) *PipeConn {
	c := &PipeConn{p}
	// The loop refers to the pipe alone.
	runtime.SetFinalizer(c, func(c *PipeConn) { c.pipe.Close() })
	return c
}

// pipePatience is how long DialPipe waits for a server that is busy.
const pipePatience = 2 * time.Second

// DialPipe connects to a named pipe, such as \\.\pipe\name. When all instances
// of the pipe are taken it waits for two seconds. A name that does not exist is
// an error that matches fs.ErrNotExist.
func DialPipe(path string) (*PipeConn, error) { return DialPipeTimeout(path, pipePatience) }

// DialPipeTimeout is DialPipe with another bound on the time; an error for that
// reason is a timeout.
func DialPipeTimeout(path string, timeout time.Duration) (*PipeConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return DialPipeContext(ctx, path)
}

// DialPipeContext is DialPipe, waiting until ctx ends: see Dialer.DialPipe.
func DialPipeContext(ctx context.Context, path string) (*PipeConn, error) {
	return new(Dialer).DialPipe(ctx, path)
}

// DialPipe connects to a named pipe. When all instances of the pipe are taken it
// waits until ctx ends, or the time of the Dialer is up; then the error is
// package net's for that. Of the Dialer's other fields Runtime alone matters.
func (d *Dialer) DialPipe(ctx context.Context, path string) (*PipeConn, error) {
	ctx, cancel := d.context(ctx)
	defer cancel()
	rt, err := d.runtime()
	var p *netfd.Pipe
	if err == nil {
		p, err = netfd.DialPipe(ctx, rt, PipeAddr(path))
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Addr: PipeAddr(path), Err: err}
	}
	return NewPipeConn(p), nil
}

func (c *PipeConn) ok() bool { return c != nil && c.pipe != nil }

// do gives the error of an operation its form.
func (c *PipeConn) do(op string, err error) error {
	runtime.KeepAlive(c)
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "pipe", Source: c.pipe.Addr(), Addr: c.pipe.Addr(), Err: err}
}

// Read implements net.Conn. When the other end was closed it returns io.EOF
// bare, any other error in a *net.OpError.
func (c *PipeConn) Read(b []byte) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.pipe.Read(b)
	return n, c.do("read", err)
}

// Write implements net.Conn: it writes all of b, not interleaved with any other
// Write, or returns an error. Writing nothing sends nothing.
func (c *PipeConn) Write(b []byte) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.pipe.Write(b)
	return n, c.do("write", err)
}

// CloseWrite makes the other end read io.EOF, while this one can still read. Only
// a pipe of messages can do that, by a message of no bytes; otherwise the error
// matches errors.ErrUnsupported.
func (c *PipeConn) CloseWrite() error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("close", c.pipe.CloseWrite())
}

// Messages reports whether the pipe carries messages instead of bytes.
func (c *PipeConn) Messages() bool { return c.ok() && c.pipe.Messages() }

// Close implements net.Conn. It ends every blocked call, whose error matches
// net.ErrClosed, as does a second Close's. What was written can still be read by
// the other end.
func (c *PipeConn) Close() error {
	if !c.ok() {
		return syscall.EINVAL
	}
	runtime.SetFinalizer(c, nil)
	return c.do("close", c.pipe.Close())
}

// LocalAddr implements net.Conn: the pipe's name, a PipeAddr, at both ends.
func (c *PipeConn) LocalAddr() net.Addr {
	if !c.ok() {
		return nil
	}
	return c.pipe.Addr()
}

// RemoteAddr implements net.Conn: see LocalAddr.
func (c *PipeConn) RemoteAddr() net.Addr { return c.LocalAddr() }

// SetDeadline implements net.Conn.
func (c *PipeConn) SetDeadline(t time.Time) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("set", c.pipe.SetDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *PipeConn) SetReadDeadline(t time.Time) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("set", c.pipe.SetReadDeadline(t))
}

// SetWriteDeadline implements net.Conn.
func (c *PipeConn) SetWriteDeadline(t time.Time) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	return c.do("set", c.pipe.SetWriteDeadline(t))
}

// AsHandle lends the pipe's handle, for calls such as
// GetNamedPipeClientProcessId. It belongs to the completion port of an event
// loop. What is lent does not keep the PipeConn from being collected.
func (c *PipeConn) AsHandle() binding.BorrowedHandle { return c.pipe.AsHandle() }
