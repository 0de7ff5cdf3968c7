//go:build unix || windows

package netfd

import (
	"context"
	"net"
	"syscall"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// DialUDP makes a socket that exchanges datagrams with raddr alone, from laddr
// unless that is nil.
func DialUDP(ctx context.Context, rt *runtime.Runtime, n Network, laddr, raddr *Inet, ctl Control) (*FD, error) {
	raddr = raddr.destination(n)
	return dial(ctx, rt, inetKind(n, laddr, raddr, false, 0), laddr.address(), raddr, ctl)
}

// ListenUDP makes a socket that receives datagrams at laddr.
func ListenUDP(ctx context.Context, rt *runtime.Runtime, n Network, laddr *Inet, opts ListenOptions) (*FD, error) {
	return listen(ctx, rt, inetKind(n, laddr, nil, true, 0), laddr, opts)
}

// unspecified returns address and port zero of the socket's family.
func (fd *FD) unspecified() sys.Endpoint {
	if fd.family == syscall.AF_INET {
		return sys.Unspecified(4)
	}
	return sys.Unspecified(6)
}

// wildcardOf returns all addresses of the host in place of a's.
func (a *Inet) wildcardOf(family int) *Inet {
	all := *a
	all.IP = net.IPv6unspecified
	if family == syscall.AF_INET {
		all.IP = net.IPv4zero
	}
	return &all
}
