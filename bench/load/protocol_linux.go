// Package load is the client side of a measurement: one thread that keeps
// many connections busy, checks every byte that comes back, and reads the CPU
// clocks of both sides.
package load

import (
	"fmt"

	"github.com/moor-net/moor/bench/server"
)

// A protocol is what a client sends, and how it checks what it gets. Messages
// follow from the number of the connection and their own, so nothing needs to
// be kept to be sent again or to be compared.
type protocol interface {
	// request returns message seq of a connection, until the next call.
	request(conn int, seq uint64) []byte
	// answer takes bytes of the answer to message seq from in, of which it has
	// taken at bytes before, and returns how many, and whether these are all
	// of it. With none taken it is called again when there is more.
	answer(conn int, seq uint64, at int, in []byte) (n int, complete bool, err error)
}

// newProtocol returns the protocol of that name; size is that of an echo's
// messages.
func newProtocol(name server.Protocol, size int) (protocol, error) {
	switch name {
	case server.Echo, server.Deadline, server.Sleepy:
		return newPattern(size), nil
	case server.HTTP, server.HTTPS:
		return newHTTP(), nil
	case server.WebSocket:
		return newWebSocket(), nil
	}
	return nil, fmt.Errorf("no load for protocol %q", name)
}
