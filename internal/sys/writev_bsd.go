//go:build unix && !linux

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// iovMax is how many buffers one call takes: IOV_MAX of limits.h.
const iovMax = 1024

// maxBytes bounds what one call moves: some systems refuse more than an int32.
const maxBytes = 1 << 30

// Writev writes as much of bufs as one call takes, in order: see sendmsg(2).
func Writev(fd int, bufs [][]byte) (int, syscall.Errno) {
	var some [][]byte
	bytes := 0
	for _, b := range bufs {
		if len(b) == 0 {
			continue
		}
		b = b[:min(len(b), maxBytes-bytes)]
		some = append(some, b)
		bytes += len(b)
		if len(some) == iovMax || bytes == maxBytes {
			break
		}
	}
	for {
		n, err := unix.SendmsgBuffers(fd, some, nil, nil, unix.MSG_DONTWAIT)
		if err == nil {
			return n, 0
		}
		if err != unix.EINTR {
			return 0, Errno(err)
		}
	}
}
