//go:build unix

package runtime

import (
	"math/rand/v2"
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
	const conns = 400
	rng := rand.New(rand.NewPCG(1, 2))
	late, control := make([]time.Duration, conns), make([]time.Duration, conns)
	var told sync.WaitGroup
	for i := range conns {
		fd, _ := pairOn(t, rt, rt)
		due := time.Now().Add(50*time.Millisecond + time.Duration(rng.Int64N(int64(300*time.Millisecond))))
		if err := fd.SetReadDeadline(due); err != nil {
			t.Fatal(err)
		}
		w := new(Watch)
		tries := 0
		w.Init(wakeFunc(func() {
			if tries++; tries == 1 { // a read is worth trying at first
				fd.TryRead(make([]byte, 1))
				fd.WatchRead(w)
				return
			}
			late[i] = time.Since(due)
			told.Done()
		}))
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
	// The median, for the scheduler keeps single ones waiting.
	if ours, gos := late[conns/2], control[conns/2]; ours > gos+time.Millisecond {
		t.Errorf("deadlines are %v late, Go's timers %v", ours, gos)
	} else {
		t.Logf("%v late in the median, Go's timers %v; the latest %v and %v", ours, gos, late[conns-1], control[conns-1])
	}
}
