package main

import "time"

// loop is what one event loop holds and has done, in total and per second
// since the sample before.
type loop struct {
	Connections  int64  `json:"connections"`
	Events       uint64 `json:"events"`
	Wakeups      uint64 `json:"wakeups"`
	Turns        uint64 `json:"turns"`
	BytesRead    uint64 `json:"bytes_read"`
	BytesWritten uint64 `json:"bytes_written"`

	EventRate   float64 `json:"events_per_second"`
	WakeupRate  float64 `json:"wakeups_per_second"`
	TurnRate    float64 `json:"turns_per_second"`
	ReadRate    float64 `json:"bytes_read_per_second"`
	WrittenRate float64 `json:"bytes_written_per_second"`
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
		now.EventRate = perSecond(then.Events, now.Events, elapsed)
		now.WakeupRate = perSecond(then.Wakeups, now.Wakeups, elapsed)
		now.TurnRate = perSecond(then.Turns, now.Turns, elapsed)
		now.ReadRate = perSecond(then.BytesRead, now.BytesRead, elapsed)
		now.WrittenRate = perSecond(then.BytesWritten, now.BytesWritten, elapsed)
	}
}
