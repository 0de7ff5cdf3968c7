package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Readable reports whether a read of fd would not block: data, end of stream,
// an error, or a connection to accept. It does not wait: see ppoll(2).
//
// The raw call is sound because its timeout is zero; its arguments live on the
// stack until it returns.
func Readable(fd int) bool {
	p := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}
	var now unix.Timespec
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1,
			uintptr(unsafe.Pointer(&now)), 0, 0, 0)
		if errno != unix.EINTR {
			return errno != 0 || n > 0 // what is wrong is for the read to tell
		}
	}
}
