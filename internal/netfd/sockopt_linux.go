package netfd

import (
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/sys"
)

// inheritsOptions: an accepted socket has the options of the listening one, so
// that none need be set on it (tcp(7), "Socket options").
const inheritsOptions = true

const mptcpProto = unix.IPPROTO_MPTCP

// maxBacklog is the longest queue that the system allows: listen(2).
var maxBacklog = sync.OnceValue(func() int {
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		return unix.SOMAXCONN
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n <= 0 {
		return unix.SOMAXCONN
	}
	return n
})

// MultipathTCP reports whether Multipath TCP is in use on the connection, or
// still possible on a listener. Of one that was closed package net says that
// it is, if the system knows Multipath TCP at all.
func (fd *FD) MultipathTCP() bool {
	var using bool
	if err := fd.RawControl(func(s uintptr) { using = sys.MultipathTCP(int(s)) }); err != nil {
		return hasMultipathTCP()
	}
	return using
}

var hasMultipathTCP = sync.OnceValue(func() bool {
	s, err := sys.Socket(unix.AF_INET, unix.SOCK_STREAM, mptcpProto)
	if err != nil {
		return false
	}
	sys.Close(s)
	return true
})
