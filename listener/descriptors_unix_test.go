//go:build unix

package listener_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// openDescriptors returns how many the process has.
func openDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// inheritable returns two options of a listening socket that its connections may
// have from it.
func inheritable(fd uintptr) (noDelay, keepAlive int) {
	noDelay, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY)
	keepAlive, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
	return noDelay, keepAlive
}
