package server

import (
	"net"

	"github.com/moor-net/moor/listener"
)

// coro is this library with the same blocking code as std, run by its event
// loops as coroutines.
func init() {
	register("coro", func(cfg Config) (net.Addr, error) {
		ln, err := listener.Listen("tcp", cfg.Addr)
		if err != nil {
			return nil, err
		}
		go listener.Serve(ln, func(c net.Conn) { echo(c, make([]byte, cfg.Buf)) })
		return ln.Addr(), nil
	})
}
