package server

import "github.com/moor-net/moor/listener"

// moor is this library in goroutine mode, with the same blocking code as std.
func init() {
	register(Server{
		Name:   "moor",
		About:  "this library, a goroutine for each connection, net/http unmodified",
		Start:  stack(listener.Listen),
		Listen: listener.Listen,
	})
}
