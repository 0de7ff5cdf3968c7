package netfd

import (
	"net"
	"sync/atomic"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// An FD is a socket with its addresses: what a connection or listener holds.
type FD struct {
	runtime.FD
	peer sys.Endpoint // of internet sockets; none without a peer
	// The addresses as programs see them, the same values whenever they are
	// asked for. Those of internet sockets are made when that is first done.
	// The local one is asked from the kernel, at the latest by Close: most
	// accepted connections are closed without anybody wanting to know.
	laddr, raddr atomic.Pointer[net.Addr]
	network      Network
	family       uint8 // the system's number
	connected    bool  // to a peer that was dialled
	stay         bool  // a listener whose connections belong to its own loop
}

// Network returns the name that the socket was made under, for errors.
func (fd *FD) Network() string { return fd.network.String() }

// IsUnix reports whether it is a Unix socket.
func (fd *FD) IsUnix() bool { return fd.network.IsUnix() }

// IsUDP reports whether it is a UDP socket.
func (fd *FD) IsUDP() bool { return fd.network.IsUDP() }

// LocalAddr returns the socket's own address, also after Close; nil for none. If it
// was the Runtime's Shutdown that has closed it, and nobody has asked before, that
// is address and port zero. It may be called concurrently with everything.
func (fd *FD) LocalAddr() net.Addr {
	if fd.laddr.Load() == nil && !fd.network.IsUnix() {
		if err := fd.RawControl(func(s uintptr) {
			fd.laddr.CompareAndSwap(nil, fd.network.held(sys.LocalEndpoint(int(s))))
		}); err != nil {
			fd.laddr.CompareAndSwap(nil, fd.network.held(fd.unspecified()))
		}
	}
	return addr(&fd.laddr)
}

// RemoteAddr returns the peer's address; nil for none. It may be called
// concurrently with everything.
func (fd *FD) RemoteAddr() net.Addr {
	if fd.raddr.Load() == nil && !fd.peer.IsZero() {
		fd.raddr.CompareAndSwap(nil, fd.network.held(fd.peer))
	}
	return addr(&fd.raddr)
}

func addr(p *atomic.Pointer[net.Addr]) net.Addr {
	if a := p.Load(); a != nil {
		return *a
	}
	return nil
}

// SharedAddrs are the first few addresses that many connections' own ends have.
type SharedAddrs [4]atomic.Pointer[net.Addr]

// ForgetAddrs gives back the memory of a TCP connection's addresses, which can be
// had again. A local one stays if it is among shared, where the first few get.
// It may be called concurrently with everything.
func (fd *FD) ForgetAddrs(shared *SharedAddrs) {
	if !fd.network.IsTCP() {
		return
	}
	fd.raddr.Store(nil)
	local := fd.laddr.Load()
	if local == nil {
		return
	}
	for i := range shared {
		kept := shared[i].Load()
		if kept == nil && !shared[i].CompareAndSwap(nil, local) {
			kept = shared[i].Load()
		}
		if kept == nil || kept == local {
			return
		}
		if sameTCPAddr(*kept, *local) {
			fd.laddr.Store(kept)
			return
		}
	}
	fd.laddr.Store(nil)
}

// sameTCPAddr compares two addresses of TCP.
func sameTCPAddr(a, b net.Addr) bool {
	x, y := a.(*net.TCPAddr), b.(*net.TCPAddr)
	return x.Port == y.Port && x.Zone == y.Zone && x.IP.Equal(y.IP) && len(x.IP) == len(y.IP)
}

// held gives e the type of the network.
func (n Network) held(e sys.Endpoint) *net.Addr {
	if n.IsUDP() {
		return e.HeldUDPAddr()
	}
	return e.HeldTCPAddr()
}

// Close closes the socket: see runtime.FD.
func (fd *FD) Close() error {
	fd.LocalAddr()
	return fd.FD.Close()
}

// Shut closes the socket without waiting: see runtime.FD.
func (fd *FD) Shut() bool {
	fd.LocalAddr()
	return fd.FD.Shut()
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
