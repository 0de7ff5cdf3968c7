package conn

import (
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"

	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// FileConn makes a connection of a duplicate of f's socket. Closing one does
// not close the other. It is a *TCPConn, *UDPConn or *UnixConn, or package
// net's *net.IPConn for a raw IP socket.
func FileConn(f *os.File) (net.Conn, error) {
	fd, err := fromFile(f)
	switch {
	case errors.Is(err, netfd.ErrRawIP):
		return net.FileConn(f)
	case err != nil:
		return nil, netfd.FileError(f, err)
	case fd.IsUnix():
		return NewUnixConn(fd), nil
	case fd.IsUDP():
		return newUDPConn(fd), nil
	}
	fd.SetConnOptions(netfd.ResolveKeepAlive(0, net.KeepAliveConfig{}))
	return NewTCPConn(fd), nil
}

// FilePacketConn is FileConn for sockets that are a net.PacketConn: a *UDPConn
// or *UnixConn, or package net's *net.IPConn.
func FilePacketConn(f *os.File) (net.PacketConn, error) {
	fd, err := fromFile(f)
	switch {
	case errors.Is(err, netfd.ErrRawIP):
		return net.FilePacketConn(f)
	case err != nil:
		return nil, netfd.FileError(f, err)
	case fd.IsUnix() || fd.IsUDP():
		return NewPacketConn(fd), nil
	}
	fd.Close()
	return nil, netfd.FileError(f, syscall.EINVAL)
}

func fromFile(f *os.File) (*netfd.FD, error) {
	rt, err := moorrt.Default()
	if err != nil {
		return nil, err
	}
	return netfd.FromFile(rt, f, false)
}

// File returns a duplicate of the connection's descriptor as an os.File. Both
// stay open and usable until each is closed.
//
// The two share the non-blocking mode. As package net's, the File's Fd method
// turns it off, for child processes that can't do without. The connection's
// deadlines and Close, unlike package net's, work all the same; copies then go
// through the program's memory, since sendfile(2) and splice(2) would block.
//
// On Windows the File closes its socket with CloseHandle: of files that call
// closesocket only package net can make one. The system and the peer see no
// difference; the little that Winsock knows of the socket in this process stays
// until another socket has its number.
func (c *conn) File() (*os.File, error) {
	if !c.ok() {
		return nil, syscall.EINVAL
	}
	f, err := c.fd.Dup()
	return f, c.do("file", err)
}

// Detach takes the descriptor out of the connection and gives it to the caller
// as an os.File, which is non-blocking and which no event loop knows any more.
// Data that was received and not read is still there to read. The connection
// is as after Close: blocked and later calls return errors that match
// net.ErrClosed, as does a second Detach, and the peer notices nothing. On
// Windows a socket that has sent a file keeps its completion port, which is not
// the caller's, and can't have another; the File closes as one of File's does.
func (c *conn) Detach() (*os.File, error) {
	if !c.ok() {
		return nil, syscall.EINVAL
	}
	f, err := c.fd.Detach()
	if err == nil {
		runtime.SetFinalizer(c, nil)
	}
	return f, c.do("detach", err)
}
