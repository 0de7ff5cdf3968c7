//go:build !unix

package listener

import "github.com/moor-net/moor/conn"

// hasEnded would save the server the work of finding out that a parked connection
// has ended.
func hasEnded(*conn.TCPConn) bool { return false }
