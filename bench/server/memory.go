package server

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Memory is what a server's process knows of its own memory, in bytes, after a
// collection.
type Memory struct {
	Heap       uint64 `json:"heap"`
	Stack      uint64 `json:"stack"`
	Goroutines int    `json:"goroutines"`
	// PauseMax is the longest stop of the world so far. Mark is the CPU time
	// that one collection took to mark what is there.
	PauseMax time.Duration `json:"gc_pause_max_ns"`
	Mark     time.Duration `json:"gc_mark_ns"`
}

// takeMemory collects twice: what finalizers and pools let go of in the first
// collection is freed by the second, after which what is free goes back to the
// system, so that resident memory is what is used.
func takeMemory() Memory {
	runtime.GC()
	before := markTime()
	debug.FreeOSMemory()
	mark := markTime() - before

	samples := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(samples)
	pauses := samples[0].Value.Float64Histogram()
	longest := 0.0
	for i, n := range pauses.Counts {
		if n > 0 {
			longest = pauses.Buckets[i]
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Memory{
		Heap:       m.HeapAlloc,
		Stack:      m.StackInuse,
		Goroutines: runtime.NumGoroutine(),
		PauseMax:   time.Duration(longest * float64(time.Second)),
		Mark:       mark,
	}
}

// freeRegularly does what a program may do that is to stay small: it collects,
// and gives what is free back to the system, so often.
func freeRegularly(every time.Duration) {
	for range time.Tick(every) {
		debug.FreeOSMemory()
	}
}

// markTime is the CPU time that the collector has used for marking so far.
func markTime() time.Duration {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}
	metrics.Read(samples)
	total := 0.0
	for _, s := range samples {
		total += s.Value.Float64()
	}
	return time.Duration(total * float64(time.Second))
}
