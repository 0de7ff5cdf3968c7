//go:build unix && !linux

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// RawAddr is any socket address. The zero RawAddr is none, and room for one.
type RawAddr struct{ sa syscall.Sockaddr }

// Endpoint returns the internet address in a, or none.
func (a *RawAddr) Endpoint() Endpoint { return EndpointOf(a.sa) }

// SetEndpoint makes a the internet address e, which is not none.
func (a *RawAddr) SetEndpoint(e Endpoint) { a.sa = e.Sockaddr() }

// SetUnixName makes a the address of the Unix socket of that name.
func (a *RawAddr) SetUnixName(name string) { a.sa = &syscall.SockaddrUnix{Name: name} }

// AppendUnixName appends the name in a to b. It reports false if a is no
// address of a Unix socket.
func (a *RawAddr) AppendUnixName(b []byte) ([]byte, bool) {
	name, ok := UnixNameOf(a.sa)
	return append(b, name...), ok
}

// Invalidate makes a an address that every system call refuses with EINVAL.
func (a *RawAddr) Invalidate() { a.sa = &syscall.SockaddrInet4{Port: -1} }

// Socket opens a non-blocking, close-on-exec socket: see socket(2). The flags
// are set afterwards; ForkLock keeps a child from inheriting the descriptor in
// between.
func Socket(family, sotype, proto int) (int, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(family, sotype, proto)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Accept takes one connection off fd's queue, non-blocking and close-on-exec,
// and stores the peer's address in addr: see accept(2). fd is non-blocking, so
// ForkLock is held only briefly.
func Accept(fd int, addr *RawAddr) (int, syscall.Errno) {
	for {
		syscall.ForkLock.RLock()
		n, sa, err := syscall.Accept(fd)
		if err == nil {
			unix.CloseOnExec(n)
		}
		syscall.ForkLock.RUnlock()
		switch err {
		case nil:
		case unix.EINTR, unix.ECONNABORTED:
			continue
		default:
			return -1, Errno(err)
		}
		if err := unix.SetNonblock(n, true); err != nil {
			unix.Close(n)
			return -1, Errno(err)
		}
		addr.sa = sa
		return n, 0
	}
}

// acceptShared is Accept, which tells the scheduler.
func acceptShared(fd int, addr *RawAddr) (int, syscall.Errno) { return Accept(fd, addr) }

// AcceptName is the name of the call in errors.
const AcceptName = "accept"

// ShortReadMeansDrained reports whether a stream socket that filled a buffer
// only in part has nothing left. It has not been established here.
func ShortReadMeansDrained(int) bool { return false }
