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
	Parking  bool    `json:"parking"`        // whether idle connections are parked
	Uptime   float64 `json:"uptime_seconds"` // since the server was made
	Requests uint64  `json:"requests"`       // since then
	// IdleHeld is how many of the connections the server's own client holds.
	IdleHeld int `json:"idle_held"`
	// Loops is null on std's listener, which has no event loops.
	Loops []loop `json:"loops"`
}

// point is the part of a sample that the page's charts show over time.
type point struct {
	Time        time.Time `json:"time"`
	Connections int64     `json:"connections"` // all that are open
	Active      int64     `json:"active"`      // of these, with the server: see meter.open
	Parked      int64     `json:"parked"`      // of these, outside of it
	Goroutines  int       `json:"goroutines"`
	HeapBytes   uint64    `json:"heap_bytes"`  // objects, live or not yet swept
	StackBytes  uint64    `json:"stack_bytes"` // goroutines' stacks
	// PerConnection is heap and stacks, of all that the program does and of both
	// ends where it has both, divided by the open connections; zero if none are.
	PerConnection uint64  `json:"bytes_per_connection"`
	RequestRate   float64 `json:"requests_per_second"`
}

// sampler takes samples. It is for one goroutine.
type sampler struct {
	meter    *meter
	loops    func() []loop // nil without event loops
	idleHeld func() int
	listener string
	started  time.Time
	memory   []metrics.Sample
	previous sample
	swept    point // the latest before which garbage was collected
}

func newSampler(m *meter, listener string, loops func() []loop, idleHeld func() int, started time.Time) *sampler {
	return &sampler{
		meter:    m,
		loops:    loops,
		idleHeld: idleHeld,
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
	active, parked := s.meter.open()
	taken := sample{
		point: point{
			Time:        now,
			Connections: active + parked,
			Active:      active,
			Parked:      parked,
			Goroutines:  runtime.NumGoroutine(),
		},
		Listener: s.listener,
		Parking:  s.meter.parking != nil,
		IdleHeld: s.idleHeld(),
		Uptime:   now.Sub(s.started).Seconds(),
		Requests: s.meter.requests.Load(),
	}
	if settled(taken.point, s.previous.point) && !settled(taken.point, s.swept) {
		collect()
		s.swept = taken.point
	}
	metrics.Read(s.memory)
	taken.HeapBytes, taken.StackBytes = s.memory[0].Value.Uint64(), s.memory[1].Value.Uint64()
	if taken.Connections > 0 {
		taken.PerConnection = (taken.HeapBytes + taken.StackBytes) / uint64(taken.Connections)
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

// settled reports whether about as many connections are open at b as at a, and
// about as many of them parked.
func settled(a, b point) bool {
	const some = 50
	return max(a.Connections-b.Connections, b.Connections-a.Connections) < some &&
		max(a.Parked-b.Parked, b.Parked-a.Parked) < some
}

// collect collects garbage. A server with nothing to do would not for minutes,
// and the figures would go on telling of connections long gone. What is in a
// sync.Pool, such as net/http's buffers, survives a first time.
func collect() {
	runtime.GC()
	runtime.GC()
}

// perSecond is the rate at which a counter went from before to after.
func perSecond(before, after uint64, elapsed time.Duration) float64 {
	if elapsed <= 0 || after < before {
		return 0
	}
	return float64(after-before) / elapsed.Seconds()
}
