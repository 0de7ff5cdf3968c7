package metrics_test

import (
	"expvar"
	"log"
	"net/http"

	"github.com/moor-net/moor/listener"
	"github.com/moor-net/moor/runtime"
	"github.com/moor-net/moor/runtime/metrics"
)

// The figures of the default Runtime and of a server of its events, for
// Prometheus at /metrics and for people at /debug/vars.
func Example() {
	rt, err := runtime.Default()
	if err != nil {
		log.Fatal(err)
	}
	server := new(listener.EventServer)
	http.Handle("/metrics", metrics.Handler(
		metrics.Runtime(rt),
		metrics.Gauge("connections", "Connections of the server.", func() float64 { return float64(server.Stats().Conns) }),
		metrics.Counter("panics_total", "Callbacks that panicked.", func() float64 { return float64(server.Stats().Panics) }),
	))
	expvar.Publish("moor", metrics.Var(rt))
}
