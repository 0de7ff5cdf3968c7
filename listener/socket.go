package listener

import (
	"net"
	"os"
	"runtime"
	"syscall"

	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// socket is what all listeners have in common. Their exported methods stand
// with each: they return EINVAL for a nil listener, as package net's do.
type socket struct {
	fd *netfd.FD
	rt *moorrt.Runtime
}

// adopt makes the garbage collector close s when nobody refers to it any more.
// The loop refers to the descriptor alone.
func (s *socket) adopt(fd *netfd.FD, rt *moorrt.Runtime) {
	s.fd, s.rt = fd, rt
	runtime.SetFinalizer(s, func(s *socket) { s.fd.Close() })
}

// fail puts an error of an operation on the listener into package net's form.
func (s *socket) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: s.fd.Network(), Addr: s.fd.LocalAddr(), Err: err}
}

// failed is the error of listening at laddr, which may be nil.
func failed[T any, P interface {
	*T
	net.Addr
}](network string, laddr P, err error) error {
	op := &net.OpError{Op: "listen", Net: network, Err: err}
	if laddr != nil {
		op.Addr = laddr
	}
	return op
}

func (s *socket) close() error {
	runtime.SetFinalizer(s, nil)
	if err := s.fd.Close(); err != nil {
		return s.fail("close", err)
	}
	return nil
}

func (s *socket) file() (*os.File, error) {
	defer runtime.KeepAlive(s)
	f, err := s.fd.Dup()
	if err != nil {
		return nil, s.fail("file", err)
	}
	return f, nil
}

func (s *socket) detach() (*os.File, error) {
	f, err := s.fd.Detach()
	if err != nil {
		return nil, s.fail("detach", err)
	}
	runtime.SetFinalizer(s, nil)
	return f, nil
}

// rawListener implements syscall.RawConn. It keeps the listener alive.
type rawListener struct {
	s *socket
}

// Control calls f with the descriptor, which can't be closed meanwhile.
func (r rawListener) Control(f func(fd uintptr)) error {
	defer runtime.KeepAlive(r.s)
	if err := r.s.fd.RawControl(f); err != nil {
		return r.s.fail("raw-control", err)
	}
	return nil
}

// Read returns EINVAL, as package net's does: connections come from Accept.
func (rawListener) Read(func(uintptr) bool) error { return syscall.EINVAL }

// Write returns EINVAL.
func (rawListener) Write(func(uintptr) bool) error { return syscall.EINVAL }
