//go:build unix && !linux

package netfd

import "golang.org/x/sys/unix"

// inheritsOptions: whether accepted sockets have the listening one's options
// has not been established here, so they are set on each.
const inheritsOptions = false

// mptcpProto is not known here: plain TCP is used.
const mptcpProto = 0

func maxBacklog() int {
	if n, err := unix.SysctlUint32("kern.ipc.somaxconn"); err == nil && n > 0 {
		return int(n)
	}
	return unix.SOMAXCONN
}

// MultipathTCP reports that Multipath TCP is not in use.
func (fd *FD) MultipathTCP() bool { return false }
