//go:build unix

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Names of the calls of this package in errors. That of Accept differs from
// system to system.
const (
	ConnectName   = "connect"
	ReadName      = "read"
	WriteName     = "write"
	WritevName    = "writev"
	RecvFromName  = "recvfrom"
	SendToName    = "sendto"
	RecvMsgName   = "recvmsg"
	SendMsgName   = "sendmsg"
	RecvBatchName = "recvmmsg"
	SendBatchName = "sendmmsg"
	DupName       = "fcntl"
)

// RecvMsgFailed is the number of bytes that package net returns with an error of
// this call.
const RecvMsgFailed = -1

// ControlFailed is the length of the control messages in oob that package net
// returns with an error of a call that has moved none.
func ControlFailed([]byte) int { return 0 }

// Bind gives the socket its address: see bind(2).
func Bind(fd int, sa syscall.Sockaddr) error { return syscall.Bind(fd, sa) }

// Connect begins to connect the socket: see connect(2). It returns EINPROGRESS
// when that goes on.
func Connect(fd int, sa syscall.Sockaddr) error { return syscall.Connect(fd, sa) }

// Listen makes the socket a listening one: see listen(2).
func Listen(fd, backlog int) error { return syscall.Listen(fd, backlog) }

// Getsockname returns the socket's own address: see getsockname(2).
func Getsockname(fd int) (syscall.Sockaddr, error) { return syscall.Getsockname(fd) }

// Getpeername returns the peer's address: see getpeername(2).
func Getpeername(fd int) (syscall.Sockaddr, error) { return syscall.Getpeername(fd) }

// SetsockoptInt sets an option: see setsockopt(2).
func SetsockoptInt(fd, level, opt, value int) error {
	return unix.SetsockoptInt(fd, level, opt, value)
}

// Shutdown ends one direction of a connection: see shutdown(2).
func Shutdown(fd, how int) error { return syscall.Shutdown(fd, how) }

// End returns the error behind a read of a stream that found its end, or of a
// connection that has no peer. There is none: the system has told it.
func End(int) syscall.Errno { return 0 }

// SetLinger sets what closing does with data that has not been sent: SO_LINGER
// of socket(7).
func SetLinger(fd int, l *syscall.Linger) error {
	return syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, l)
}
