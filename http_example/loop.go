package main

import (
	"time"

	moorrt "github.com/moor-net/moor/runtime"
)

// loop is what one event loop holds and has done, in total and per second
// since the sample before.
type loop struct {
	Sockets      int64  `json:"sockets"` // the listener's included
	Timers       int64  `json:"timers"`  // in the loop's timing wheel
	Turns        uint64 `json:"turns"`   // times that it woke up
	Events       uint64 `json:"events"`  // what it handled then
	BytesRead    uint64 `json:"bytes_read"`
	BytesWritten uint64 `json:"bytes_written"`

	TurnRate    float64 `json:"turns_per_second"`
	EventRate   float64 `json:"events_per_second"`
	ReadRate    float64 `json:"bytes_read_per_second"`
	WrittenRate float64 `json:"bytes_written_per_second"`
}

// readLoops returns the figures of a Runtime's loops, without the rates.
func readLoops(stats moorrt.Stats) []loop {
	loops := make([]loop, len(stats.Loops))
	for i, l := range stats.Loops {
		loops[i] = loop{
			Sockets:      l.Conns,
			Timers:       l.Timers,
			Turns:        l.Turns,
			Events:       l.Events,
			BytesRead:    l.BytesRead,
			BytesWritten: l.BytesWritten,
		}
	}
	return loops
}

// setLoopRates fills in the rates of loops, from the same loops' figures one
// sample before.
func setLoopRates(loops, before []loop, elapsed time.Duration) {
	for i := range loops {
		var then loop // a loop that wasn't there had done nothing
		if i < len(before) {
			then = before[i]
		}
		now := &loops[i]
		now.TurnRate = perSecond(then.Turns, now.Turns, elapsed)
		now.EventRate = perSecond(then.Events, now.Events, elapsed)
		now.ReadRate = perSecond(then.BytesRead, now.BytesRead, elapsed)
		now.WrittenRate = perSecond(then.BytesWritten, now.BytesWritten, elapsed)
	}
}
