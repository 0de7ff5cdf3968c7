package server

import (
	"net"

	"github.com/moor-net/moor/listener"
)

// event is this library with callbacks on its event loops.
func init() {
	register(Server{
		Name:  "event",
		About: "this library, callbacks on its event loops",
		Start: map[Protocol]Starter{
			Echo: from(overMoor, func(ln net.Listener, cfg Config) error {
				return listener.ServeEvents(ln, listener.Events{OnReadable: func(c *listener.EventConn) error {
					p, _ := c.Next(-1)
					_, err := c.Write(p)
					return err
				}}, func(s *listener.EventServer) { s.ReadBuffer = cfg.Buf })
			}),
		},
	})
}
