package server

import (
	"net"

	"github.com/moor-net/moor/listener"
)

// coroutine is this library with the same blocking code as std, run by its
// event loops as coroutines.
func init() {
	serve := func(handle func(c net.Conn, buf []byte)) Starter {
		return from(overMoor, func(ln net.Listener, cfg Config) error {
			return listener.Serve(ln, func(c net.Conn) { handle(c, make([]byte, cfg.Buf)) })
		})
	}
	register(Server{
		Name:  "coroutine",
		About: "this library, std's code run by its event loops as coroutines",
		Start: map[Protocol]Starter{
			Echo:      serve(echo),
			Deadline:  serve(echoWithDeadline),
			Sleepy:    serve(echoSleepily),
			WebSocket: serve(echoMessages),
			Plain:     serve(sendPlain),
			SendFile:  serve(sendFile),
		},
	})
}
