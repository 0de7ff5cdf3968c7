//go:build !unix && !windows

package sockerr

import "syscall"

// ResetReadsAsEnd is of no use here.
const ResetReadsAsEnd = false

// Other systems have no sockets here, and so no errors of them.
var resets, ends, refusals, inUse, notConnected, scarcities, noFamily []syscall.Errno
