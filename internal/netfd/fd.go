package netfd

import (
	"net"
	"os"
	"sync/atomic"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// An FD is a socket with its addresses: what a connection or listener holds.
type FD struct {
	runtime.FD
	peer sys.Endpoint // none without a peer
	// The addresses as programs see them are made when they are first asked
	// for, and are the same values from then on. The local one is asked from
	// the kernel, at the latest by Close: most accepted connections are closed
	// without anybody wanting to know. UDP addresses are kept as TCP ones,
	// which have the same fields.
	laddr, raddr atomic.Pointer[net.TCPAddr]
	network      Network
}

// Network returns the name that the socket was made under, for errors.
func (fd *FD) Network() string { return fd.network.String() }

// LocalAddr returns the socket's own address, also after Close; nil for none.
// It may be called concurrently with everything.
func (fd *FD) LocalAddr() net.Addr {
	if fd.laddr.Load() == nil {
		fd.RawControl(func(s uintptr) {
			fd.laddr.CompareAndSwap(nil, sys.LocalEndpoint(int(s)).TCPAddr())
		})
	}
	return fd.network.addr(fd.laddr.Load())
}

// RemoteAddr returns the peer's address; nil for none. It may be called
// concurrently with everything.
func (fd *FD) RemoteAddr() net.Addr {
	if fd.raddr.Load() == nil && !fd.peer.IsZero() {
		fd.raddr.CompareAndSwap(nil, fd.peer.TCPAddr())
	}
	return fd.network.addr(fd.raddr.Load())
}

// addr gives a the type of the network, and no address the value nil.
func (n Network) addr(a *net.TCPAddr) net.Addr {
	switch {
	case a == nil:
		return nil
	case n.IsUDP():
		return (*net.UDPAddr)(a)
	}
	return a
}

// Close closes the socket: see runtime.FD.
func (fd *FD) Close() error {
	fd.LocalAddr()
	return fd.FD.Close()
}

// Dup returns a duplicate as an os.File, named after both ends.
func (fd *FD) Dup() (*os.File, error) {
	s, err := fd.FD.Dup()
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(s), fd.String()), nil
}

// String returns the network and both addresses.
func (fd *FD) String() string {
	var local, remote string
	if a := fd.LocalAddr(); a != nil {
		local = a.String()
	}
	if a := fd.RemoteAddr(); a != nil {
		remote = a.String()
	}
	return fd.Network() + ":" + local + "->" + remote
}
