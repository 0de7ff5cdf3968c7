package server

import (
	"context"
	"net"

	"github.com/cloudwego/netpoll"
)

// cloudwego is the event-driven library below Kitex and Hertz.
func init() {
	register(Server{
		Name:  "cloudwego",
		About: "cloudwego/netpoll 0.7.2: a goroutine of its pool while there is input",
		Start: map[Protocol]Starter{Echo: from(listenCloudwego, func(ln net.Listener, cfg Config) error {
			if err := netpoll.Configure(netpoll.Config{PollerNum: cfg.Procs}); err != nil {
				return err
			}
			loop, err := netpoll.NewEventLoop(func(_ context.Context, c netpoll.Connection) error {
				in := c.Reader()
				p, err := in.Next(in.Len())
				if err != nil {
					return err
				}
				out := c.Writer()
				if _, err := out.WriteBinary(p); err != nil {
					return err
				}
				if err := out.Flush(); err != nil {
					return err
				}
				return in.Release()
			})
			if err != nil {
				return err
			}
			return loop.Serve(ln)
		})},
	})
}

func listenCloudwego(cfg Config) (net.Listener, error) {
	return netpoll.CreateListener("tcp", cfg.Addr)
}
