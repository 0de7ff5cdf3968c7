package conn

import (
	"context"
	"net"

	"github.com/moor-net/moor/internal/netfd"
)

// NewPacketConn makes a connection of a descriptor. It is for package listener;
// no other package can name the argument's type.
func NewPacketConn(fd *netfd.FD) net.PacketConn {
	if fd.IsUnix() {
		return NewUnixConn(fd)
	}
	return newUDPConn(fd)
}

// ListenPacket makes a socket that receives datagrams at address: see
// net.ListenPacket. The networks are those of UDP and "unixgram"; all others
// are package net's own. ListenConfig of package listener has options.
func ListenPacket(network, address string) (net.PacketConn, error) {
	n := netfd.NetworkOf(network)
	if !n.IsPacket() {
		return net.ListenPacket(network, address)
	}
	fd, err := netfd.ListenPacket(context.Background(), nil, n, address, netfd.ListenOptions{})
	if err != nil {
		return nil, err
	}
	return NewPacketConn(fd), nil
}
