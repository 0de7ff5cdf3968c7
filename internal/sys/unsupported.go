//go:build !unix && !windows

package sys

import (
	"errors"
	"net/netip"
	"syscall"
)

// On systems without a selector no descriptor ever reaches these functions:
// netpoll.New refuses first. They exist so that the layers above compile.

// RawAddr is any socket address.
type RawAddr struct{}

// Endpoint returns no address.
func (*RawAddr) Endpoint() Endpoint { return Endpoint{} }

// SetEndpoint does nothing.
func (*RawAddr) SetEndpoint(Endpoint) {}

// SetUnixName does nothing.
func (*RawAddr) SetUnixName(string) {}

// AppendUnixName returns no name.
func (*RawAddr) AppendUnixName(b []byte) ([]byte, bool) { return b, false }

// Invalidate does nothing.
func (*RawAddr) Invalidate() {}

// RightsFlags and SetRightsCloseOnExec have nothing to do with.
const RightsFlags = 0

func SetRightsCloseOnExec([]byte) {}

// AcceptName is the name of the call in errors.
const AcceptName = "accept"

func Read(int, []byte) (int, syscall.Errno)           { return 0, syscall.EINVAL }
func Write(int, []byte) (int, syscall.Errno)          { return 0, syscall.EINVAL }
func End(int) syscall.Errno                           { return 0 }
func Accept(int, *RawAddr) (int, syscall.Errno)       { return -1, syscall.EINVAL }
func ReadShared(int, []byte) (int, syscall.Errno)     { return 0, syscall.EINVAL }
func WriteShared(int, []byte) (int, syscall.Errno)    { return 0, syscall.EINVAL }
func AcceptShared(int, *RawAddr) (int, syscall.Errno) { return -1, syscall.EINVAL }
func Writev(int, [][]byte) (int, syscall.Errno)       { return 0, syscall.EINVAL }

// A Batch is many messages.
type Batch struct{}

// MaxBatch is the most messages in one call.
const MaxBatch = 1024

func NewBatch(int, int) *Batch                             { return new(Batch) }
func (*Batch) Free()                                       {}
func (*Batch) Add([][]byte, []byte) *RawAddr               { return new(RawAddr) }
func (*Batch) Len() int                                    { return 0 }
func (*Batch) Result(int) (n, nn, flags int)               { return 0, 0, 0 }
func (*Batch) Addr(int) *RawAddr                           { return new(RawAddr) }
func RecvBatch(int, *Batch, int) (int, syscall.Errno)      { return 0, syscall.EINVAL }
func SendBatch(int, *Batch, int, int) (int, syscall.Errno) { return 0, syscall.EINVAL }

func Close(int) error                        { return errors.ErrUnsupported }
func SocketError(int) (syscall.Errno, error) { return 0, errors.ErrUnsupported }
func ShortReadMeansDrained(int) bool         { return false }
func LocalEndpoint(int) Endpoint             { return Endpoint{} }
func EndpointFromIP(family int, ip []byte, port int, zone string) (Endpoint, error) {
	return Endpoint{}, errors.ErrUnsupported
}
func EndpointFromAddrPort(family int, ap netip.AddrPort) (Endpoint, error) {
	return Endpoint{}, errors.ErrUnsupported
}
func RecvFrom(int, []byte, *RawAddr) (int, syscall.Errno) { return 0, syscall.EINVAL }
func SendTo(int, []byte, *RawAddr) syscall.Errno          { return syscall.EINVAL }
func RecvMsg(fd int, p, oob []byte, flags int, addr *RawAddr) (n, oobn, rflags int, errno syscall.Errno) {
	return 0, 0, 0, syscall.EINVAL
}
func SendMsg(fd int, p, oob []byte, addr *RawAddr) (int, syscall.Errno) { return 0, syscall.EINVAL }
func Dup(int) (int, error)                                              { return -1, errors.ErrUnsupported }
func Readable(int) bool                                                 { return true }

// Names of the calls in errors.
const (
	ReadName      = "read"
	WriteName     = "write"
	WritevName    = "writev"
	RecvFromName  = "recvfrom"
	SendToName    = "sendto"
	RecvMsgName   = "recvmsg"
	SendMsgName   = "sendmsg"
	RecvBatchName = "recvmmsg"
	SendBatchName = "sendmmsg"
	DupName       = "dup"
	RecvMsgFailed = -1
)

// ControlFailed is not supported.
func ControlFailed([]byte) int { return 0 }
