//go:build unix || windows

package netfd

import (
	"context"
	"net"

	"github.com/moor-net/moor/runtime"
)

// ListenMulticastUDP makes a socket that receives the datagrams of a group on
// an interface, or on the system's choice if ifi is nil. As package net has
// it, the socket's own multicast datagrams are not looped back to the host.
func ListenMulticastUDP(ctx context.Context, rt *runtime.Runtime, n Network, ifi *net.Interface, group *Inet) (*FD, error) {
	fd, err := ListenUDP(ctx, rt, n, group, ListenOptions{})
	if err != nil {
		return nil, err
	}
	err = fd.control(func(s int) error {
		if ip4 := group.IP.To4(); ip4 != nil {
			return joinGroup4(s, ifi, [4]byte(ip4))
		}
		return joinGroup6(s, ifi, group.IP)
	})
	if err != nil {
		fd.Close()
		return nil, err
	}
	return fd, nil
}
