package server

import (
	"net"
	"sync"

	"github.com/gobwas/ws"

	"github.com/moor-net/moor/listener"
	"github.com/moor-net/moor/runtime/pool"
)

// burst is this library with blocking code on a pool's goroutines, which a
// connection has only while it is served.
func init() {
	register(Server{
		Name:  "burst",
		About: "this library, blocking code on a pool's goroutine while there is input",
		Start: map[Protocol]Starter{
			Echo:      bursts(burstEcho),
			WebSocket: bursts(burstMessages),
		},
	})
}

func bursts(handler func(Config) func(net.Conn) error) Starter {
	return from(overMoor, func(ln net.Listener, cfg Config) error {
		workers, err := pool.New(pool.Config{})
		if err != nil {
			return err
		}
		return listener.ServeBursts(ln, handler(cfg), func(s *listener.BurstServer) { s.Pool = workers })
	})
}

func burstEcho(cfg Config) func(net.Conn) error {
	buffers := sync.Pool{New: func() any {
		buf := make([]byte, cfg.Buf)
		return &buf
	}}
	return func(c net.Conn) error {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		n, err := c.Read(*buf)
		if err != nil {
			return err
		}
		_, err = c.Write((*buf)[:n])
		return err
	}
}

// burstMessages remembers which connections have been upgraded.
func burstMessages(Config) func(net.Conn) error {
	var upgraded sync.Map
	return func(c net.Conn) error {
		if _, ok := upgraded.Load(c); !ok {
			upgraded.Store(c, nil)
			_, err := ws.Upgrade(c)
			return err
		}
		err := echoMessage(c)
		if err != nil {
			upgraded.Delete(c)
		}
		return err
	}
}
