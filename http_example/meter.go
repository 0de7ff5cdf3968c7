package main

import (
	"net"
	"net/http"
	"sync/atomic"
)

// meter counts what passes through the server. Counting is one atomic addition
// per request and per connection state that matters; nobody waits for anybody.
type meter struct {
	connections atomic.Int64  // open now
	requests    atomic.Uint64 // since the start
}

// track is an http.Server's ConnState hook.
func (m *meter) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		m.connections.Add(1)
	case http.StateClosed, http.StateHijacked:
		m.connections.Add(-1)
	}
}

// count counts the requests that go to next.
func (m *meter) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.requests.Add(1)
		next.ServeHTTP(w, r)
	})
}
