package conn

import (
	"net"
	"runtime"
	"syscall"
)

// rawConn implements syscall.RawConn. It keeps the connection alive.
type rawConn struct {
	c *conn
}

// Control calls f with the descriptor, which can't be closed meanwhile.
func (r rawConn) Control(f func(fd uintptr)) error {
	err := r.c.fd.RawControl(f)
	if err != nil {
		err = r.c.failLocal("raw-control", err)
	}
	runtime.KeepAlive(r.c)
	return err
}

// Read calls f until it returns true, waiting for readability in between. The
// read deadline holds for that. On Windows the socket blocks while f runs, as
// package net's do, and f's calls do so without a deadline.
func (r rawConn) Read(f func(fd uintptr) bool) error {
	err := r.c.fd.RawRead(f)
	if err != nil {
		err = r.c.fail("raw-read", err)
	}
	runtime.KeepAlive(r.c)
	return err
}

// Write calls f until it returns true, waiting for writability in between. The
// write deadline holds for that. On Windows the socket blocks while f runs.
func (r rawConn) Write(f func(fd uintptr) bool) error {
	err := r.c.fd.RawWrite(f)
	if err != nil {
		err = r.c.fail("raw-write", err)
	}
	runtime.KeepAlive(r.c)
	return err
}

// SyscallConn returns access to the descriptor: see syscall.Conn.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if !c.ok() {
		return nil, syscall.EINVAL
	}
	return rawConn{c}, nil
}

var _ syscall.Conn = (*TCPConn)(nil)
var _ net.Conn = (*TCPConn)(nil)
