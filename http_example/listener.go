package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// listen opens the listener the server runs on: the standard library's, or
// this library's. It is all that differs between the two.
func listen(ctx context.Context, addr string, std bool) (net.Listener, error) {
	if std {
		var config net.ListenConfig
		return config.Listen(ctx, "tcp", addr)
	}
	var config listener.ListenConfig
	return config.Listen(ctx, "tcp", addr)
}

// grace is how long a connection has to be idle to be parked. Tests are less
// patient.
var grace = 5 * time.Second

// park returns the listener that srv is to serve from so that idle connections
// of ln are parked, and what tells how many there are.
func park(srv *http.Server, ln net.Listener) (net.Listener, func() listener.ParkStats, error) {
	parking, err := listener.Park(srv, ln, listener.Grace(grace))
	if err != nil {
		return nil, nil, err
	}
	return parking, parking.(*listener.ParkListener).Stats, nil
}

// loopReader returns what reads the event loops' figures, or nil on the
// standard library's listener, which has no loops.
func loopReader(std bool) (func() []loop, error) {
	if std {
		return nil, nil
	}
	rt, err := moorrt.Default() // where listen's listeners belong
	if err != nil {
		return nil, err
	}
	return func() []loop { return readLoops(rt.Stats()) }, nil
}
