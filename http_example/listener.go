package main

import (
	"context"
	"net"
)

// listen opens the listener the server runs on: the standard library's, or
// this library's.
func listen(ctx context.Context, addr string, std bool) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", addr)
}

// loopsOf returns what reads the event loops' figures, or nil on the standard
// library's listener, which has no loops.
func loopsOf(std bool) func() []loop {
	return nil
}
