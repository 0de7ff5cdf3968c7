package wheel

import (
	"math/rand/v2"
	"testing"
)

// A loop's turn: a few of many timers have come to their time and are set again.
func BenchmarkExpireAmongMillion(b *testing.B) {
	const timers, span = 1_000_000, int64(60e9)
	var w Wheel[int]
	rng := rand.New(rand.NewPCG(1, 1))
	for range timers {
		w.Add(&Timer[int]{}, rng.Int64N(span))
	}
	now, fired := int64(0), 0
	b.ReportAllocs()
	for b.Loop() {
		now += 1e6
		w.Expire(now, func(t *Timer[int]) {
			fired++
			w.Add(t, now+span)
		})
	}
	b.ReportMetric(float64(fired)/float64(b.N), "timers/op")
}

func BenchmarkNext(b *testing.B) {
	var w Wheel[int]
	w.Add(&Timer[int]{}, 1<<40)
	b.ReportAllocs()
	for b.Loop() {
		w.Next()
	}
}

func TestNothingAllocates(t *testing.T) {
	var w Wheel[int]
	var timer, late Timer[int]
	w.Add(&late, 1<<50)
	now := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		now += 10 * Tick
		w.Add(&timer, now)
		if w.Remove(&timer) {
			w.Add(&timer, now)
		}
		w.Expire(now+2*Tick, func(*Timer[int]) {})
		w.Next()
		if timer.Set() {
			t.Error("a timer has not fired")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
