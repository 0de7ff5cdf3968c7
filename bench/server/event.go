package server

import (
	"net"

	"github.com/moor-net/moor/listener"
)

// event is this library with callbacks on its event loops.
func init() {
	register("event", func(cfg Config) (net.Addr, error) {
		ln, err := listener.Listen("tcp", cfg.Addr)
		if err != nil {
			return nil, err
		}
		go listener.ServeEvents(ln, listener.Events{OnReadable: func(c *listener.EventConn) error {
			p, _ := c.Next(-1)
			_, err := c.Write(p)
			return err
		}}, func(s *listener.EventServer) { s.ReadBuffer = cfg.Buf })
		return ln.Addr(), nil
	})
}
