package conn_test

import (
	"os"
	"testing"

	"golang.org/x/sys/windows"
)

// addSystemsSockets has nothing to add: Windows has no pairs of sockets, and of
// Unix sockets only streams, of which no files are made.
func addSystemsSockets(*testing.T, map[string]*os.File) {}

// options returns the options of a TCP socket that package net sets; Wine has no
// others.
func options(fd int) (o [3]int) {
	const soType = 0x1008
	for i, opt := range [][2]int{{windows.IPPROTO_TCP, windows.TCP_NODELAY}, {windows.SOL_SOCKET, windows.SO_KEEPALIVE},
		{windows.SOL_SOCKET, soType}} {
		o[i], _ = windows.GetsockoptInt(windows.Handle(fd), opt[0], opt[1])
	}
	return o
}

// vanishing returns a new file that is gone when it is closed.
func vanishing(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|windows.FILE_FLAG_DELETE_ON_CLOSE, 0o600)
}
