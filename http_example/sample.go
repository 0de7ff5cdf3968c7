package main

import (
	"runtime"
	"runtime/metrics"
	"time"
)

// sample is the server's state at one moment. /stats answers with it as JSON,
// and /events sends one a second.
type sample struct {
	point
	Listener string  `json:"listener"`       // "moor" or "std"
	Uptime   float64 `json:"uptime_seconds"` // since the server was made
	Requests uint64  `json:"requests"`       // since then
	// Loops is null on std's listener, which has no event loops.
	Loops []loop `json:"loops"`
}

// point is the part of a sample that the page's charts show over time.
type point struct {
	Time        time.Time `json:"time"`
	Connections int64     `json:"connections"`
	Goroutines  int       `json:"goroutines"`
	HeapBytes   uint64    `json:"heap_bytes"`  // objects, live or not yet swept
	StackBytes  uint64    `json:"stack_bytes"` // goroutines' stacks
	RequestRate float64   `json:"requests_per_second"`
}

// sampler takes samples. It is for one goroutine.
type sampler struct {
	meter    *meter
	loops    func() []loop // nil without event loops
	listener string
	started  time.Time
	memory   []metrics.Sample
	previous sample
}

func newSampler(m *meter, listener string, loops func() []loop, started time.Time) *sampler {
	return &sampler{
		meter:    m,
		loops:    loops,
		listener: listener,
		started:  started,
		memory: []metrics.Sample{
			{Name: "/memory/classes/heap/objects:bytes"},
			{Name: "/memory/classes/heap/stacks:bytes"},
		},
		previous: sample{point: point{Time: started}},
	}
}

// take reads every figure at the moment now. Rates are over the time since the
// sample before, or since the start.
func (s *sampler) take(now time.Time) sample {
	metrics.Read(s.memory)
	taken := sample{
		point: point{
			Time:        now,
			Connections: s.meter.connections.Load(),
			Goroutines:  runtime.NumGoroutine(),
			HeapBytes:   s.memory[0].Value.Uint64(),
			StackBytes:  s.memory[1].Value.Uint64(),
		},
		Listener: s.listener,
		Uptime:   now.Sub(s.started).Seconds(),
		Requests: s.meter.requests.Load(),
	}
	elapsed := now.Sub(s.previous.Time)
	taken.RequestRate = perSecond(s.previous.Requests, taken.Requests, elapsed)
	if s.loops != nil {
		taken.Loops = s.loops()
		setLoopRates(taken.Loops, s.previous.Loops, elapsed)
	}
	s.previous = taken
	return taken
}

// perSecond is the rate at which a counter went from before to after.
func perSecond(before, after uint64, elapsed time.Duration) float64 {
	if elapsed <= 0 || after < before {
		return 0
	}
	return float64(after-before) / elapsed.Seconds()
}
