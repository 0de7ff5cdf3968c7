//go:build unix || windows

package netfd

import (
	"context"
	"net"
	"syscall"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// A unixName is the address of a Unix socket.
type unixName string

// sockaddr implements address.
func (n unixName) sockaddr(int) (syscall.Sockaddr, error) {
	return &syscall.SockaddrUnix{Name: string(n)}, nil
}

func (n unixName) String() string { return string(n) }

// DialUnix makes a socket and connects it to raddr, from laddr unless that is
// nil. A name that is empty counts as nil. A datagram socket can do without
// raddr if it has laddr: it is then only bound.
func DialUnix(ctx context.Context, rt *runtime.Runtime, n Network, laddr, raddr *net.UnixAddr, ctl Control) (*FD, error) {
	var from, to address
	if laddr != nil && laddr.Name != "" {
		from = unixName(laddr.Name)
	}
	if raddr != nil && raddr.Name != "" {
		to = unixName(raddr.Name)
	}
	k := socketKind{network: n, family: syscall.AF_UNIX}
	switch {
	case to != nil:
		return dial(ctx, rt, k, from, to, ctl)
	case n == Unixgram && from != nil:
		return listen(ctx, rt, k, from, ListenOptions{Control: ctl})
	}
	return nil, ErrMissingAddress
}

// ListenUnix makes a socket that listens at laddr, or of datagrams one that
// receives them there. The system chooses a name in place of an empty one,
// if it can.
func ListenUnix(ctx context.Context, rt *runtime.Runtime, n Network, laddr *net.UnixAddr, opts ListenOptions) (*FD, error) {
	return listen(ctx, rt, socketKind{network: n, family: syscall.AF_UNIX}, unixName(laddr.Name), opts)
}

// AcceptUnix waits for a connection and gives it to a loop of rt.
func (fd *FD) AcceptUnix(rt *runtime.Runtime) (*FD, error) {
	var addr sys.RawAddr
	s, err := fd.Accept(&addr)
	if err != nil {
		return nil, err
	}
	c := &FD{network: fd.network, family: fd.family}
	c.laddr.Store(fd.laddr.Load()) // a connection has its listener's
	var buf [maxUnixName]byte
	if name, ok := addr.AppendUnixName(buf[:0]); ok {
		c.raddr.Store(c.network.heldName(string(name)))
	}
	if err := c.Init(rt, s, c.network.kind()); err != nil {
		sys.Close(s)
		return nil, err
	}
	return c, nil
}
