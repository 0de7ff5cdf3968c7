package server

import (
	"context"
	"net"

	"github.com/moor-net/moor/listener"
)

// moor is this library in goroutine mode, with the same blocking code as std.
func init() {
	register(Server{
		Name:   "moor",
		About:  "this library, a goroutine for each connection, net/http unmodified",
		Start:  stack(overMoor),
		Listen: listener.Listen,
	})
}

func overMoor(cfg Config) (net.Listener, error) {
	lc := listener.ListenConfig{KeepAlive: cfg.KeepAlive}
	return lc.Listen(context.Background(), "tcp", cfg.Addr)
}
