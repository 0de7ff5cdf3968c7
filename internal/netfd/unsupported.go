//go:build !unix && !windows

package netfd

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/runtime"
)

// Systems without sockets here: making one is refused, so no method of FD is
// ever called. They exist so that the layers above compile.

func DialTCP(context.Context, *runtime.Runtime, Network, *Inet, *Inet, bool, Control) (*FD, error) {
	return nil, errors.ErrUnsupported
}

func ListenTCP(context.Context, *runtime.Runtime, Network, *Inet, ListenOptions) (*FD, error) {
	return nil, errors.ErrUnsupported
}

func DialUDP(context.Context, *runtime.Runtime, Network, *Inet, *Inet, Control) (*FD, error) {
	return nil, errors.ErrUnsupported
}

func ListenUDP(context.Context, *runtime.Runtime, Network, *Inet, ListenOptions) (*FD, error) {
	return nil, errors.ErrUnsupported
}

func ListenMulticastUDP(context.Context, *runtime.Runtime, Network, *net.Interface, *Inet) (*FD, error) {
	return nil, errors.ErrUnsupported
}

func DialUnix(context.Context, *runtime.Runtime, Network, *net.UnixAddr, *net.UnixAddr, Control) (*FD, error) {
	return nil, errors.ErrUnsupported
}

func ListenUnix(context.Context, *runtime.Runtime, Network, *net.UnixAddr, ListenOptions) (*FD, error) {
	return nil, errors.ErrUnsupported
}

func (*FD) AcceptUnix(*runtime.Runtime) (*FD, error) {
	return nil, errors.ErrUnsupported
}

func FromFile(*runtime.Runtime, *os.File, bool) (*FD, error) { return nil, errors.ErrUnsupported }

func (*FD) Dup() (*os.File, error) { return nil, errors.ErrUnsupported }

func (*FD) AcceptTCP(*runtime.Runtime, bool, KeepAlive) (*FD, error) {
	return nil, errors.ErrUnsupported
}
func (*FD) AcceptTCPInto(func() *FD, *runtime.Runtime, bool, KeepAlive) error {
	return errors.ErrUnsupported
}
func (*FD) SetConnOptions(KeepAlive)             {}
func (*FD) SetKeepAliveConfig(KeepAlive) error   { return errors.ErrUnsupported }
func (*FD) SetKeepAliveIdle(time.Duration) error { return errors.ErrUnsupported }
func (*FD) SetKeepAlive(bool) error              { return errors.ErrUnsupported }
func (*FD) SetNoDelay(bool) error                { return errors.ErrUnsupported }
func (*FD) SetReadBuffer(int) error              { return errors.ErrUnsupported }
func (*FD) SetWriteBuffer(int) error             { return errors.ErrUnsupported }
func (*FD) SetLinger(int) error                  { return errors.ErrUnsupported }
func (*FD) CloseRead() error                     { return errors.ErrUnsupported }
func (*FD) CloseWrite() error                    { return errors.ErrUnsupported }
func (*FD) MultipathTCP() bool                   { return false }
func (*FD) unspecified() sys.Endpoint            { return sys.Endpoint{} }
