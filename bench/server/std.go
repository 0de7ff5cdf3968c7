package server

import (
	"context"
	"net"
)

// std is Go's own net package.
func init() {
	register(Server{
		Name:   "std",
		About:  "package net, net/http: a goroutine for each connection",
		Start:  stack(overStd),
		Listen: net.Listen,
	})
}

func overStd(cfg Config) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: cfg.KeepAlive}
	return lc.Listen(context.Background(), "tcp", cfg.Addr)
}
