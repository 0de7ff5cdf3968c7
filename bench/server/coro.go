package server

import (
	"net"

	"github.com/moor-net/moor/listener"
)

// coro is this library with the same blocking code as std, run by its event
// loops as coroutines.
func init() {
	register(Server{
		Name:  "coro",
		About: "this library, blocking code as coroutines on its event loops",
		Start: map[Protocol]Starter{
			Echo: from(listener.Listen, func(ln net.Listener, cfg Config) error {
				return listener.Serve(ln, func(c net.Conn) { echo(c, make([]byte, cfg.Buf)) })
			}),
		},
	})
}
