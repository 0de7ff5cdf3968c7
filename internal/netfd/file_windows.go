package netfd

import (
	"os"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// FromFile makes an FD of a duplicate of f's socket, which may listen. It
// returns ErrRawIP for a socket of package net's *net.IPConn.
func FromFile(rt *runtime.Runtime, f *os.File, listener bool) (*FD, error) {
	s, err := dupFile(f)
	if err != nil {
		return nil, err // as package net has it, without the call
	}
	fd, err := fromSocket(rt, s, listener)
	if err != nil {
		sys.Close(s)
		return nil, err
	}
	return fd, nil
}

// dupFile duplicates f's socket. Fd takes f off the completion port of Go's
// runtime, which a duplicate would share.
func dupFile(f *os.File) (s int, err error) {
	f.Fd()
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	if closed := raw.Control(func(h uintptr) { s, err = sys.Dup(int(h)) }); closed != nil {
		return -1, closed
	}
	return s, err
}

func fromSocket(rt *runtime.Runtime, s int, listener bool) (*FD, error) {
	if err := sys.SetNonblock(s, true); err != nil {
		return nil, call("wsaioctl", err)
	}
	const soType = 0x1008
	sotype, err := windows.GetsockoptInt(windows.Handle(s), windows.SOL_SOCKET, soType)
	if err != nil {
		return nil, call("getsockopt", err)
	}
	local, err := sys.Getsockname(s)
	if err != nil {
		return nil, call("getsockname", err)
	}
	fd := new(FD)
	if fd.network, fd.family, err = identify(local, sotype); err != nil {
		return nil, err
	}
	if fd.network.IsUDP() {
		if err := silence(s); err != nil {
			return nil, err
		}
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
	networks := map[int]Network{windows.SOCK_STREAM: TCP, windows.SOCK_DGRAM: UDP}
	switch local.(type) {
	case *syscall.SockaddrInet4:
		family = windows.AF_INET
	case *syscall.SockaddrInet6:
		family = windows.AF_INET6
	case *syscall.SockaddrUnix:
		family = windows.AF_UNIX
		networks = map[int]Network{windows.SOCK_STREAM: Unix}
	default:
		return None, 0, syscall.EPROTONOSUPPORT
	}
	n, ok := networks[sotype]
	switch {
	case ok:
		return n, family, nil
	case sotype == windows.SOCK_RAW && family != windows.AF_UNIX:
		return None, 0, ErrRawIP
	}
	return None, 0, syscall.EPROTONOSUPPORT
}

// Dup returns a duplicate as an os.File.
func (fd *FD) Dup() (*os.File, error) {
	s, err := fd.FD.Dup()
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(s), fd.String()), nil
}
