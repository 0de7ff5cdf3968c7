package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Socket opens a non-blocking, close-on-exec socket: see socket(2).
func Socket(family, sotype, proto int) (int, error) {
	return unix.Socket(family, sotype|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
}

// Accept takes one connection off fd's queue, non-blocking and close-on-exec,
// and stores the peer's address in addr: see accept4(2).
//
// The raw call is sound because fd is non-blocking; addr is kept alive by
// being an argument of the call.
func Accept(fd int, addr *RawAddr) (int, syscall.Errno) {
	for {
		addr.size = unix.SizeofSockaddrAny
		n, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&addr.any)),
			uintptr(unsafe.Pointer(&addr.size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		// A connection that was reset while it waited is none.
		if errno != unix.EINTR && errno != unix.ECONNABORTED {
			return -1, errno
		}
	}
}

// acceptShared is Accept for a descriptor that may block: package syscall's
// function tells the scheduler.
func acceptShared(fd int, addr *RawAddr) (int, syscall.Errno) {
	for {
		addr.size = unix.SizeofSockaddrAny
		n, _, errno := syscall.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&addr.any)),
			uintptr(unsafe.Pointer(&addr.size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR && errno != unix.ECONNABORTED {
			return -1, errno
		}
	}
}

// AcceptName is the name of the call in errors.
const AcceptName = "accept4"

// ShortReadMeansDrained reports whether a stream socket that filled a buffer
// only in part has nothing left. Plain TCP promises that; Multipath TCP may
// have more in another subflow's queue, and Unix sockets stop at descriptors
// and credentials.
func ShortReadMeansDrained(fd int) bool {
	proto, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	return err == nil && proto == unix.IPPROTO_TCP
}

// MultipathTCP reports whether the socket speaks, or may still speak,
// Multipath TCP. The kernel refuses the question for one that has fallen back
// to plain TCP.
func MultipathTCP(fd int) bool {
	const info = 1 // MPTCP_INFO of linux/mptcp.h
	_, err := unix.GetsockoptInt(fd, unix.SOL_MPTCP, info)
	return err != unix.EOPNOTSUPP && err != unix.ENOPROTOOPT
}
