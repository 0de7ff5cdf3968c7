package runtime

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// Deadlines of many connections at once end their waits never early, and as
// soon as the machine lets them: Go's own timers, set for the same moments, say
// how soon that is.
func TestDeadlinesAreNeverEarlyAndHardlyLate(t *testing.T) {
	rt := start(t, 2)
	// A neighbour that takes the processors away at the wrong moments spoils a
	// measurement, but hardly all of them.
	for range 5 {
		ours, gos := medianLateness(t, rt)
		t.Logf("%v late in the median, Go's timers %v", ours, gos)
		if ours <= gos+time.Millisecond {
			return
		}
		if runtime.GOOS == "windows" {
			return // a port's timeouts are whole milliseconds, of a clock that goes in steps of up to 16
		}
	}
	t.Error("deadlines are more than a millisecond later than Go's timers")
}

// medianLateness sets deadlines and Go's timers for the same moments and returns by
// how much they are late in the median: the scheduler keeps single ones waiting.
func medianLateness(t *testing.T, rt *Runtime) (ours, gos time.Duration) {
	conns := 400
	if testing.Short() {
		conns = 50 // poll(2) goes through all of them at each wake-up, slowly with the race detector
	}
	rng := rand.New(rand.NewPCG(1, 2))
	late, control := make([]time.Duration, conns), make([]time.Duration, conns)
	var told sync.WaitGroup
	for i := range conns {
		fd, peer := pairOn(t, rt, rt)
		defer fd.Close()
		defer peer.Close()
		due := time.Now().Add(time.Second/4 + time.Duration(rng.Int64N(int64(300*time.Millisecond))))
		if err := fd.SetReadDeadline(due); err != nil {
			t.Fatal(err)
		}
		w := new(Watch)
		tries := 0
		wake := func() {
			if tries++; tries == 1 { // a read is worth trying at first
				fd.TryRead(make([]byte, 1))
				if fd.WatchRead(w) == nil {
					return
				}
			}
			late[i] = time.Since(due)
			told.Done()
		}
		w.Init(wakeFunc(wake))
		told.Add(2)
		time.AfterFunc(time.Until(due), func() { control[i] = time.Since(due); told.Done() })
		if err := fd.WatchRead(w); err != nil {
			t.Fatal(err)
		}
	}
	told.Wait()
	if first := slices.Min(late); first < 0 {
		t.Errorf("a deadline was %v early", -first)
	}
	slices.Sort(late)
	slices.Sort(control)
	return late[conns/2], control[conns/2]
}
