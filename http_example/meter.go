package main

import (
	"net"
	"net/http"
	"sync/atomic"

	"github.com/moor-net/moor/listener"
)

// meter counts what passes through the server. Counting is one or two atomic
// additions per request and one per connection's begin and end; nobody waits
// for anybody, and nothing is kept per connection.
type meter struct {
	connections atomic.Int64  // open now, as far as the server was told of them
	exchanges   atomic.Int64  // HTTP/1 requests in progress: one per connection
	requests    atomic.Uint64 // since the start
	// parking tells of connections outside of the server; nil without parking.
	parking func() listener.ParkStats
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
		if r.ProtoMajor == 1 {
			m.exchanges.Add(1)
			defer m.exchanges.Add(-1)
		}
		next.ServeHTTP(w, r)
	})
}

// open returns how many connections are active, which is to say with the
// server, and how many are parked outside of it. Together they are all that are
// open.
//
// Among the parked are connections that have sent nothing yet, of which the
// server was not told.
func (m *meter) open() (active, parked int64) {
	known := m.connections.Load()
	if m.parking == nil {
		return known, 0
	}
	s := m.parking()
	// Those that came or went between the two counts may be missing.
	return max(known-int64(s.Parked), m.exchanges.Load()), int64(s.Parked + s.Silent + s.Shaking)
}
