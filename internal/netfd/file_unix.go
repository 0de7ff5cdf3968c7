//go:build unix

package netfd

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// FromFile makes an FD of a duplicate of f's socket, which may listen. It
// returns ErrRawIP for a socket of package net's *net.IPConn.
func FromFile(rt *runtime.Runtime, f *os.File, listener bool) (*FD, error) {
	s, err := sys.Dup(int(f.Fd()))
	if err != nil {
		return nil, call("fcntl", err)
	}
	fd, err := fromSocket(rt, s, listener)
	if err != nil {
		sys.Close(s)
		return nil, err
	}
	return fd, nil
}

func fromSocket(rt *runtime.Runtime, s int, listener bool) (*FD, error) {
	if err := unix.SetNonblock(s, true); err != nil {
		return nil, call("setnonblock", err)
	}
	sotype, err := unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return nil, call("getsockopt", err)
	}
	local, err := syscall.Getsockname(s)
	if err != nil {
		return nil, call("getsockname", err)
	}
	fd := new(FD)
	if fd.network, fd.family, err = identify(local, sotype); err != nil {
		return nil, err
	}
	kind := fd.network.kind()
	if listener {
		kind = runtime.Listener
	}
	fd.Share()
	if err := fd.Init(rt, s, kind); err != nil {
		return nil, err
	}
	fd.setLocal()
	fd.askPeer()
	return fd, nil
}

// identify returns the network and family of a socket.
func identify(local syscall.Sockaddr, sotype int) (Network, uint8, error) {
	var family uint8
	networks := map[int]Network{unix.SOCK_STREAM: TCP, unix.SOCK_DGRAM: UDP}
	switch local.(type) {
	case *syscall.SockaddrInet4:
		family = unix.AF_INET
	case *syscall.SockaddrInet6:
		family = unix.AF_INET6
	case *syscall.SockaddrUnix:
		family = unix.AF_UNIX
		networks = map[int]Network{unix.SOCK_STREAM: Unix, unix.SOCK_DGRAM: Unixgram, unix.SOCK_SEQPACKET: Unixpacket}
	default:
		return None, 0, syscall.EPROTONOSUPPORT
	}
	n, ok := networks[sotype]
	switch {
	case ok:
		return n, family, nil
	case sotype == unix.SOCK_RAW && family != unix.AF_UNIX:
		return None, 0, ErrRawIP
	}
	return None, 0, syscall.EPROTONOSUPPORT
}

// Dup returns a duplicate as an os.File. Its Fd method hands out a blocking
// descriptor, which a child process may need; only package net can make such
// a File.
func (fd *FD) Dup() (*os.File, error) {
	s, err := fd.FD.Dup()
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(s), fd.String())
	defer f.Close()
	var std interface {
		File() (*os.File, error)
		Close() error
	}
	if fd.network.IsUDP() {
		c, err := net.FilePacketConn(f)
		if err != nil {
			return nil, inner(err)
		}
		std = c.(*net.UDPConn)
	} else {
		// For package net any such socket will do as a listener. Unlike a
		// connection's its options stay as they are.
		ln, err := net.FileListener(f)
		if err != nil {
			return nil, inner(err)
		}
		std = ln.(interface {
			File() (*os.File, error)
			Close() error
		})
	}
	defer std.Close()
	dup, err := std.File()
	if err != nil {
		return nil, inner(err)
	}
	return dup, nil
}
