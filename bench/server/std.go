package server

import "net"

// std is Go's own net package.
func init() {
	register(Server{
		Name:   "std",
		About:  "package net, net/http: a goroutine for each connection",
		Start:  stack(net.Listen),
		Listen: net.Listen,
	})
}
