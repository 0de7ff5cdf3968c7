package listener

import (
	"net"
	"os"
	"syscall"

	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// FileListener makes a listener of a duplicate of f's socket, for instance one
// that was inherited from another process. Closing one does not close the
// other. It is a *TCPListener or a *UnixListener; the latter's Close leaves the
// socket's file in place unless SetUnlinkOnClose says otherwise.
func FileListener(f *os.File) (net.Listener, error) {
	rt, err := moorrt.Default()
	if err != nil {
		return nil, netfd.FileError(f, err)
	}
	fd, err := netfd.FromFile(rt, f, true)
	switch {
	case err == netfd.ErrRawIP:
		return nil, netfd.FileError(f, syscall.EINVAL)
	case err != nil:
		return nil, netfd.FileError(f, err)
	case fd.IsUnix():
		return newUnixListener(fd, rt, false), nil
	case fd.IsUDP():
		fd.Close()
		return nil, netfd.FileError(f, syscall.EINVAL)
	}
	l := newTCPListener(fd, rt, netfd.ResolveKeepAlive(0, net.KeepAliveConfig{}))
	l.fromFile = true
	return l, nil
}
