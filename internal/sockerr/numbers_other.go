//go:build !unix && !windows

package sockerr

import "syscall"

// Wine is about Windows.
const Wine = false

// Other systems have no sockets here, and so no errors of them.
var resets, ends, refusals, inUse, notConnected, scarcities, noFamily []syscall.Errno
