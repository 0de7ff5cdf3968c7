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
