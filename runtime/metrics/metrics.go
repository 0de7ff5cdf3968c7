// Package metrics shows the figures of Runtimes, and any others beside them,
// to those who watch a process: as a page in the text format of Prometheus, and
// as a variable for package expvar. It needs neither of the two.
//
//	http.Handle("/metrics", metrics.Handler(metrics.Runtime(rt)))
//	expvar.Publish("moor", metrics.Var(rt))
//
// Nothing is collected until somebody asks.
package metrics

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/moor-net/moor/runtime"
)

// A Collector puts figures on a Page. It is called once for each time that the
// page is asked for, from any goroutine.
type Collector func(*Page)

// Handler returns a handler that answers every request with the figures of all
// collectors, in version 0.0.4 of the text format:
// https://prometheus.io/docs/instrumenting/exposition_formats/
func Handler(collectors ...Collector) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var page Page
		for _, collect := range collectors {
			collect(&page)
		}
		var text bytes.Buffer
		page.WriteTo(&text)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Write(text.Bytes()) // an error is the client's, who has gone
	})
}

// Gauge returns a Collector of one figure that goes up and down. labels are
// names and values in turn. See Page.Gauge.
func Gauge(name, help string, value func() float64, labels ...string) Collector {
	return func(p *Page) { p.Gauge(name, help, value(), labels...) }
}

// Counter returns a Collector of one figure that only grows; the name of such
// a one ends in _total. See Page.Counter.
func Counter(name, help string, value func() float64, labels ...string) Collector {
	return func(p *Page) { p.Counter(name, help, value(), labels...) }
}

// Runtime returns a Collector of a Runtime's figures, which runtime.LoopStats
// explains. Each has the loop's number as the label loop; labels are further
// names and values in turn, to tell several Runtimes apart.
func Runtime(rt *runtime.Runtime, labels ...string) Collector {
	return func(p *Page) {
		for i, l := range rt.Stats().Loops {
			labels := append([]string{"loop", strconv.Itoa(i)}, labels...)
			gauge := func(name, help string, value int64) { p.Gauge("moor_loop_"+name, help, float64(value), labels...) }
			counter := func(name, help string, value uint64) {
				p.Counter("moor_loop_"+name, help, float64(value), labels...)
			}
			gauge("descriptors", "Descriptors that belong to the loop, listeners included.", l.Conns)
			gauge("timers", "Entries in the loop's timing wheel.", l.Timers)
			gauge("jobs_queued", "Jobs that the loop has yet to run.", l.Queued)
			counter("jobs_total", "Jobs posted to the loop.", l.Posted)
			counter("turns_total", "Times that the loop woke up.", l.Turns)
			counter("events_total", "Events that the loop has handled.", l.Events)
			counter("read_bytes_total", "Bytes read from the loop's descriptors.", l.BytesRead)
			counter("written_bytes_total", "Bytes written to the loop's descriptors.", l.BytesWritten)
			counter("take_overs_total", "Times that a coroutine kept the loop for too long.", l.TakeOvers)
			counter("moved_total", "Descriptors that the loop has given to others with less to do.", l.Moved)
			p.Histogram("moor_loop_turn_seconds", "How long the loop's turns took, by a sample.", l.Turn, labels...)
			p.Histogram("moor_loop_lag_seconds", "How late the loop came to its jobs and deadlines.", l.Lag, labels...)
		}
	}
}

// Var returns a Runtime's figures as a variable for expvar.Publish: its String
// method returns runtime.Stats in JSON. Durations are in nanoseconds.
func Var(rt *runtime.Runtime) interface{ String() string } { return variable{rt} }

type variable struct{ rt *runtime.Runtime }

func (v variable) String() string {
	text, err := json.Marshal(v.rt.Stats())
	if err != nil {
		return "null" // no field of Stats is one that can't be marshalled
	}
	return string(text)
}
