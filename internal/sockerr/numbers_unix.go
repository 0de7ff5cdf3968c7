//go:build unix

package sockerr

import "syscall"

// Wine is about Windows.
const Wine = false

var (
	resets       = []syscall.Errno{syscall.ECONNRESET}
	ends         = []syscall.Errno{syscall.EPIPE}
	refusals     = []syscall.Errno{syscall.ECONNREFUSED}
	inUse        = []syscall.Errno{syscall.EADDRINUSE}
	notConnected = []syscall.Errno{syscall.ENOTCONN}
	scarcities   = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}
	noFamily     = []syscall.Errno{syscall.EAFNOSUPPORT}
)
