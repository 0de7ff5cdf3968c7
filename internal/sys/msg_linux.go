package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The raw calls of this file are sound for the same reasons as Read's: the
// descriptors are non-blocking, and what the arguments point to is kept alive
// by being arguments. Package syscall shows the race detector none of its
// calls with addresses, so there is nothing to add in race builds either.
//
// The calls themselves say that they must not block: see shared_unix.go for
// descriptors that others may have put into blocking mode.

const dontWait = unix.MSG_DONTWAIT

// RecvFrom receives a message into p and stores the sender's address in addr,
// if there is one: see recvfrom(2).
func RecvFrom(fd int, p []byte, addr *RawAddr) (int, syscall.Errno) {
	for {
		var n uintptr
		var errno syscall.Errno
		addr.size = unix.SizeofSockaddrAny
		if len(p) < bulk {
			n, _, errno = syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(base(p)), uintptr(len(p)), dontWait,
				uintptr(unsafe.Pointer(&addr.any)), uintptr(unsafe.Pointer(&addr.size)))
		} else {
			n, _, errno = syscall.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(base(p)), uintptr(len(p)), dontWait,
				uintptr(unsafe.Pointer(&addr.any)), uintptr(unsafe.Pointer(&addr.size)))
		}
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// SendTo sends p as a message to addr: see sendto(2).
func SendTo(fd int, p []byte, addr *RawAddr) syscall.Errno {
	for {
		var errno syscall.Errno
		if len(p) < bulk {
			_, _, errno = syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(base(p)), uintptr(len(p)), dontWait,
				uintptr(unsafe.Pointer(&addr.any)), uintptr(addr.size))
		} else {
			_, _, errno = syscall.Syscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(base(p)), uintptr(len(p)), dontWait,
				uintptr(unsafe.Pointer(&addr.any)), uintptr(addr.size))
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

// RecvMsg receives a message into p with its control messages in oob and
// stores the sender's address in addr, if there is one. It returns both
// lengths and the message's flags: see recvmsg(2). With an error they are what
// package net returns.
func RecvMsg(fd int, p, oob []byte, flags int, addr *RawAddr) (n, oobn, rflags int, errno syscall.Errno) {
	iov := unix.Iovec{Base: (*byte)(base(p))}
	iov.SetLen(len(p))
	for {
		msg := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&addr.any)), Namelen: unix.SizeofSockaddrAny, Iov: &iov}
		msg.SetIovlen(1)
		if len(oob) > 0 {
			msg.Control = &oob[0]
			msg.SetControllen(len(oob))
		}
		var r uintptr
		if len(p) < bulk {
			r, _, errno = syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), uintptr(flags|dontWait))
		} else {
			r, _, errno = syscall.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), uintptr(flags|dontWait))
		}
		if errno == 0 {
			addr.size = msg.Namelen
			return int(r), int(msg.Controllen), int(msg.Flags), 0
		}
		if errno != unix.EINTR {
			return RecvMsgFailed, 0, 0, errno
		}
	}
}

// SendMsg sends p as a message to addr, or to the peer if addr is nil, with
// the control messages in oob: see sendmsg(2).
func SendMsg(fd int, p, oob []byte, addr *RawAddr) (int, syscall.Errno) {
	iov := unix.Iovec{Base: (*byte)(base(p))}
	iov.SetLen(len(p))
	for {
		msg := unix.Msghdr{Iov: &iov}
		msg.SetIovlen(1)
		if addr != nil {
			msg.Name, msg.Namelen = (*byte)(unsafe.Pointer(&addr.any)), addr.size
		}
		if len(oob) > 0 {
			msg.Control = &oob[0]
			msg.SetControllen(len(oob))
		}
		var n uintptr
		var errno syscall.Errno
		if len(p) < bulk {
			n, _, errno = syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), dontWait)
		} else {
			n, _, errno = syscall.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), dontWait)
		}
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// RightsFlags are the flags for RecvMsg with which received descriptors are
// close-on-exec from birth: recvmsg(2).
const RightsFlags = unix.MSG_CMSG_CLOEXEC

// SetRightsCloseOnExec has nothing left to do: see RightsFlags.
func SetRightsCloseOnExec([]byte) {}
