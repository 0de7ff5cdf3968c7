package server

import (
	"net"
	"sync"

	"github.com/moor-net/moor/listener"
	"github.com/moor-net/moor/runtime/pool"
)

// burst is this library with blocking code on a pool's goroutines, which a
// connection has only while it is served.
func init() {
	register("burst", func(cfg Config) (net.Addr, error) {
		ln, err := listener.Listen("tcp", cfg.Addr)
		if err != nil {
			return nil, err
		}
		workers, err := pool.New(pool.Config{})
		if err != nil {
			return nil, err
		}
		buffers := sync.Pool{New: func() any {
			buf := make([]byte, cfg.Buf)
			return &buf
		}}
		go listener.ServeBursts(ln, func(c net.Conn) error {
			buf := buffers.Get().(*[]byte)
			defer buffers.Put(buf)
			n, err := c.Read(*buf)
			if err != nil {
				return err
			}
			_, err = c.Write((*buf)[:n])
			return err
		}, func(s *listener.BurstServer) { s.Pool = workers })
		return ln.Addr(), nil
	})
}
