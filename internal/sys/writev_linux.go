package sys

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// iovMax is how many buffers one call takes: IOV_MAX of limits.h.
const iovMax = 1024

// iovecs are lent to calls: 16 KiB are too much for a stack, and to keep them
// with each connection would be too much for that.
var iovecs = sync.Pool{New: func() any { return new([iovMax]unix.Iovec) }}

// Writev writes as much of bufs as one call takes, in order: see sendmsg(2),
// which is writev(2) for a descriptor that may have been put into blocking
// mode. It says nothing to the race detector, as package net's does not.
func Writev(fd int, bufs [][]byte) (int, syscall.Errno) {
	iovs := iovecs.Get().(*[iovMax]unix.Iovec)
	count, bytes := 0, 0
	for _, b := range bufs {
		if len(b) == 0 {
			continue
		}
		b = b[:min(len(b), maxBytes-bytes)]
		iovs[count].Base = &b[0]
		iovs[count].SetLen(len(b))
		count++
		bytes += len(b)
		if count == iovMax || bytes == maxBytes {
			break
		}
	}
	n, errno := writev(fd, iovs[:count], bytes)
	clear(iovs[:count])
	iovecs.Put(iovs)
	return n, errno
}

// maxBytes bounds what one call moves: the kernel's limit is a page below 2 GiB.
const maxBytes = 1 << 30

func writev(fd int, iovs []unix.Iovec, bytes int) (int, syscall.Errno) {
	if len(iovs) == 0 {
		return 0, 0
	}
	msg := unix.Msghdr{Iov: &iovs[0]}
	msg.SetIovlen(len(iovs))
	for {
		var n uintptr
		var errno syscall.Errno
		if bytes < bulk {
			n, _, errno = syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), dontWait)
		} else {
			n, _, errno = syscall.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), dontWait)
		}
		if errno == unix.ENOTSOCK {
			n, _, errno = syscall.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iovs[0])), uintptr(len(iovs)))
		}
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}
