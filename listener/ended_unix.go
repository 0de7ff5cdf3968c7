//go:build unix

package listener

import (
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/conn"
)

// hasEnded reports whether a connection that is readable has nothing but its end
// or an error to read.
func hasEnded(c *conn.TCPConn) bool {
	if runtime.GOOS == "linux" && !c.FD().ReadPressing() {
		return false // and not a system call to find out
	}
	over := true // if it is closed
	c.FD().RawControl(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		over = n == 0 && err == nil || err != nil && err != unix.EAGAIN && err != unix.EINTR
	})
	return over
}
