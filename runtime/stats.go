package runtime

import "sync/atomic"

// counters are a loop's figures. Those that connections change stand apart
// from those that the loop changes.
type counters struct {
	turns  atomic.Uint64
	events atomic.Uint64
	_      [48]byte
	conns  atomic.Int64
	_      [56]byte
	in     atomic.Uint64
	out    atomic.Uint64
}

// LoopStats are one loop's figures. All but Conns, Timers and Queued only grow.
type LoopStats struct {
	Conns        int64  // descriptors that belong to the loop, listeners included
	Timers       int64  // entries in the timing wheel
	Queued       int64  // jobs, such as posted functions, that the loop has yet to run
	Posted       uint64 // jobs that were ever queued
	Turns        uint64 // times that the loop woke up
	Events       uint64 // events it has handled
	BytesRead    uint64 // bytes read from its descriptors
	BytesWritten uint64 // bytes written to its descriptors
	TakeOvers    uint64 // times that a coroutine kept the loop for too long
	Moved        uint64 // descriptors that it has given to loops with less to do
	// Turn is how long the loop's turns took, from when it has the events until
	// it waits for the next ones; meanwhile no other event is seen. Of turns
	// with few events and no jobs, as long as they are short, only a sample is timed,
	// which counts for all.
	Turn Durations
	// Lag is how late the loop was: from the moment that a job was posted, or
	// that a deadline was to be looked at, until it was done. Of jobs that come
	// at the same time the first one counts.
	Lag Durations
}

// Stats are a Runtime's figures at one moment.
type Stats struct {
	Loops []LoopStats
}

// Conns returns the number of descriptors over all loops.
func (s Stats) Conns() int64 {
	var n int64
	for _, l := range s.Loops {
		n += l.Conns
	}
	return n
}

// Stats returns the Runtime's figures. The loops go on meanwhile, so figures
// need not fit together exactly.
func (rt *Runtime) Stats() Stats {
	s := Stats{Loops: make([]LoopStats, len(rt.loops))}
	for i, l := range rt.loops {
		queued, posted := l.queue.counts()
		s.Loops[i] = LoopStats{
			Conns:        l.conns.Load(),
			Timers:       l.wheelLen(),
			Queued:       queued,
			Posted:       posted,
			Turns:        l.turns.Load(),
			Events:       l.events.Load(),
			BytesRead:    l.in.Load(),
			BytesWritten: l.out.Load(),
			Turn:         l.meter.turn.read(),
			Lag:          l.meter.lag.read(),
			TakeOvers:    l.taken.Load(),
			Moved:        l.moved.Load(),
		}
	}
	return s
}
