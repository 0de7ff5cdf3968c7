package netfd

import (
	"context"
	"net"

	"github.com/moor-net/moor/runtime"
)

// IsPacket reports whether n is a network of datagrams.
func (n Network) IsPacket() bool { return n.IsUDP() || n == Unixgram }

// ListenPacket makes a socket of a network of datagrams that receives them at
// an address as programs write it, on the default Runtime if rt is nil. Its
// errors are those of net.ListenConfig.ListenPacket.
func ListenPacket(ctx context.Context, rt *runtime.Runtime, n Network, address string, opts ListenOptions) (*FD, error) {
	addrs, err := Resolve(ctx, net.DefaultResolver, n, address, nil, false)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: n.String(), Err: err}
	}
	laddr := First(addrs)
	fail := func(err error) (*FD, error) {
		return nil, &net.OpError{Op: "listen", Net: n.String(), Addr: laddr, Err: err}
	}
	if rt == nil {
		if rt, err = runtime.Default(); err != nil {
			return fail(err)
		}
	}
	var fd *FD
	if name, ok := laddr.(*net.UnixAddr); ok {
		fd, err = ListenUnix(ctx, rt, n, name, opts)
	} else {
		fd, err = ListenUDP(ctx, rt, n, InetOf(laddr), opts)
	}
	if err != nil {
		return fail(err)
	}
	return fd, nil
}
