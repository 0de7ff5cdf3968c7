//go:build unix && !linux

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// RecvFrom receives a message into p and stores the sender's address in addr,
// if there is one: see recvfrom(2).
func RecvFrom(fd int, p []byte, addr *RawAddr) (int, syscall.Errno) {
	for {
		n, sa, err := syscall.Recvfrom(fd, p, unix.MSG_DONTWAIT)
		if err == nil {
			addr.sa = sa
			return n, 0
		}
		if err != unix.EINTR {
			return 0, Errno(err)
		}
	}
}

// SendTo sends p as a message to addr: see sendto(2).
func SendTo(fd int, p []byte, addr *RawAddr) syscall.Errno {
	for {
		if err := syscall.Sendto(fd, p, unix.MSG_DONTWAIT, addr.sa); err != unix.EINTR {
			return Errno(err)
		}
	}
}

// RecvMsg receives a message into p with its control messages in oob and
// stores the sender's address in addr, if there is one. It returns both
// lengths and the message's flags: see recvmsg(2). With an error they are what
// package net returns.
func RecvMsg(fd int, p, oob []byte, flags int, addr *RawAddr) (n, oobn, rflags int, errno syscall.Errno) {
	for {
		n, oobn, rflags, sa, err := syscall.Recvmsg(fd, p, oob, flags|unix.MSG_DONTWAIT)
		if err == nil {
			addr.sa = sa
			return n, oobn, rflags, 0
		}
		if err != unix.EINTR {
			return RecvMsgFailed, 0, 0, Errno(err)
		}
	}
}

// SendMsg sends p as a message to addr, or to the peer if addr is nil, with
// the control messages in oob: see sendmsg(2).
func SendMsg(fd int, p, oob []byte, addr *RawAddr) (int, syscall.Errno) {
	var sa syscall.Sockaddr
	if addr != nil {
		sa = addr.sa
	}
	for {
		n, err := syscall.SendmsgN(fd, p, oob, sa, unix.MSG_DONTWAIT)
		if err == nil {
			return n, 0
		}
		if err != unix.EINTR {
			return 0, Errno(err)
		}
	}
}

// RightsFlags are the flags for RecvMsg with which received descriptors are
// close-on-exec from birth.
const RightsFlags = 0

// SetRightsCloseOnExec sets the flag on the descriptors in oob, where
// RightsFlags can't.
func SetRightsCloseOnExec(oob []byte) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
	}
}
