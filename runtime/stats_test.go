package runtime

import (
	"bytes"
	"runtime/trace"
	"testing"
	"time"
)

// spin computes for d.
func spin(d time.Duration) {
	for begin := time.Now(); time.Since(begin) < d; {
	}
}

func TestStatsTellOfTheQueue(t *testing.T) {
	rt := start(t, 1)
	l := rt.Loop(0)
	release := hold(t, l)
	defer release()
	before := rt.Stats().Loops[0]
	done := make(chan struct{})
	for range 9 {
		l.Post(func() {})
	}
	l.Post(func() { close(done) })
	if s := rt.Stats().Loops[0]; s.Queued != 10 || s.Posted-before.Posted != 10 {
		t.Errorf("%d queued, %d posted; want ten", s.Queued, s.Posted-before.Posted)
	}
	release()
	await(t, done, "the last function")
	if s := rt.Stats().Loops[0]; s.Queued != 0 || s.Posted-before.Posted != 10 {
		t.Errorf("%d queued, %d posted; want none and ten", s.Queued, s.Posted-before.Posted)
	}
}

// A function that keeps its loop shows: its turn was long, and what was posted
// meanwhile came late.
func TestStatsTellOfABusyLoop(t *testing.T) {
	rt := start(t, 1)
	l := rt.Loop(0)
	const busy = 20 * time.Millisecond
	begun, done := make(chan struct{}), make(chan struct{})
	var ended time.Time
	l.Post(func() { close(begun); spin(busy); ended = time.Now() })
	<-begun
	l.Post(func() { l.Post(func() { close(done) }) })
	posted := time.Now()
	await(t, done, "the last function")
	s := rt.Stats().Loops[0]
	if s.Turn.Max < busy || s.Turn.Quantile(1) != s.Turn.Max {
		t.Errorf("the longest turn is %v, want at least %v", s.Turn.Max, busy)
	}
	if late := ended.Sub(posted); s.Lag.Max < late || s.Lag.Sum < late {
		t.Errorf("the lag is %v at most, want at least %v", s.Lag.Max, late)
	}
	if s.Lag.Count < 3 || s.Turn.Count < 2 {
		t.Errorf("%d lags and %d turns were counted", s.Lag.Count, s.Turn.Count)
	}
}

// Turns of single events are sampled, and the sample stands for all of them.
func TestSampledTurnsCountForAll(t *testing.T) {
	rt := start(t, 1)
	a, b := pair(t, rt)
	w, woken := watcher()
	a.WatchRead(w)
	<-woken // once at first
	a.TryRead(make([]byte, 1))
	before := rt.Stats().Loops[0]
	const rounds = 50 * sampleEvery
	for range rounds {
		if err := a.WatchRead(w); err != nil {
			t.Fatal(err)
		}
		b.Write([]byte("x"))
		<-woken
		for err := error(nil); err == nil; {
			_, err = a.TryRead(make([]byte, 1))
		}
	}
	s := rt.Stats().Loops[0]
	turns, timed := s.Turns-before.Turns, s.Turn.Count-before.Turn.Count
	if turns < rounds/2 || timed > turns+2*sampleEvery || turns > timed+2*sampleEvery {
		t.Errorf("%d turns count for %d", timed, turns)
	}
}

// A trace of the process shows the loops' turns as regions.
func TestTurnsAreRegionsOfATrace(t *testing.T) {
	l := start(t, 1).Loop(0)
	var text bytes.Buffer
	if err := trace.Start(&text); err != nil {
		t.Skip("there is a trace of the whole test: ", err)
	}
	done := make(chan struct{})
	l.Post(func() {})
	l.Post(func() { l.Post(func() { close(done) }) }) // the first turn has ended by then
	await(t, done, "the last function")
	trace.Stop()
	if !bytes.Contains(text.Bytes(), []byte("moor turn")) {
		t.Errorf("no region in %d bytes of trace", text.Len())
	}
}
