package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The calls of this package tell the scheduler that they may block, which on
// Windows all system calls do, although the sockets never block. What they
// point to is kept alive by being arguments, or is on the stack, which does not
// move during a call.
//
// They go to Winsock directly, because its wrappers in other packages allocate
// for the error that a socket has nothing to read.

var (
	ws2 = windows.NewLazySystemDLL("ws2_32.dll")

	procAccept   = ws2.NewProc("accept")
	procRecv     = ws2.NewProc("recv")
	procSend     = ws2.NewProc("send")
	procRecvFrom = ws2.NewProc("recvfrom")
	procSendTo   = ws2.NewProc("sendto")
	procWSASend  = ws2.NewProc("WSASend")
	procWSAPoll  = ws2.NewProc("WSAPoll")
)

// wouldBlock turns Winsock's error into the one that all systems have.
func wouldBlock(errno syscall.Errno) syscall.Errno {
	if errno == syscall.Errno(windows.WSAEWOULDBLOCK) {
		return syscall.EAGAIN
	}
	return errno
}

// count returns a call's number of bytes, or its error.
func count(r uintptr, errno syscall.Errno) (int, syscall.Errno) {
	if n := int32(r); n >= 0 {
		return int(n), 0
	}
	return 0, wouldBlock(errno)
}

// received returns how much of p a receiving call has filled, and its error. A
// message that does not fit is an error, WSAEMSGSIZE, but p is filled.
func received(p []byte, r uintptr, errno syscall.Errno) (int, syscall.Errno) {
	n, errno := count(r, errno)
	if errno == windows.WSAEMSGSIZE {
		n = len(p)
	}
	return n, errno
}

// Read reads from fd into p: see recv. With WSAEMSGSIZE there are bytes, too.
func Read(fd int, p []byte) (int, syscall.Errno) {
	r, _, errno := syscall.SyscallN(procRecv.Addr(), uintptr(fd), uintptr(base(p)), uintptr(len(p)), 0)
	n, errno := received(p, r, errno)
	if errno == 0 || n > 0 {
		raceRead(p[:n])
	}
	return n, errno
}

// End returns the error, if any, behind a read of a stream that found its end, or
// of a connection that has no peer.
// Windows tells of a reset itself. Wine, where somebody has asked for the
// readiness of the socket meanwhile, has told the asking party, and the socket
// knows only that it has an error: see WSAPoll.
func End(fd int) syscall.Errno {
	const pollErr = 1
	if poll(fd, 0)&pollErr != 0 {
		return windows.WSAECONNRESET
	}
	return 0
}

// Write writes p to fd: see send.
func Write(fd int, p []byte) (int, syscall.Errno) {
	raceWrite(p)
	r, _, errno := syscall.SyscallN(procSend.Addr(), uintptr(fd), uintptr(base(p)), uintptr(len(p)), 0)
	return count(r, errno)
}

// zero is what an empty slice points to; the system does not look at it.
var zero byte

func base(p []byte) unsafe.Pointer {
	if len(p) == 0 {
		return unsafe.Pointer(&zero)
	}
	return unsafe.Pointer(&p[0])
}
