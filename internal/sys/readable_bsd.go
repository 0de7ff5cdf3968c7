//go:build unix && !linux

package sys

import "golang.org/x/sys/unix"

// Readable reports whether a read of fd would not block: data, end of stream,
// an error, or a connection to accept. It does not wait: see poll(2).
func Readable(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(p, 0)
		if err != unix.EINTR {
			return err != nil || n > 0 // what is wrong is for the read to tell
		}
	}
}
