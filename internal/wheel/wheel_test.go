package wheel

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"
	"time"
)

func TestTimerFiresAtItsTickNeverEarly(t *testing.T) {
	for _, when := range []int64{1, Tick - 1, Tick, Tick + 1, 63 * Tick, 64 * Tick, 65 * Tick,
		4095 * Tick, 4096 * Tick, 4097*Tick - 1, 1 << 40, 1<<40 + 12345, 1 << 50} {
		var w Wheel[int]
		w.Add(&Timer[int]{}, when)
		fired := int64(-1)
		for steps := 0; fired < 0; steps++ {
			next := w.Next()
			if next == Never || steps > levels {
				t.Fatalf("when %d: does not fire", when)
			}
			w.Expire(next-1, func(*Timer[int]) { fired = next - 1 })
			if fired < 0 {
				w.Expire(next, func(*Timer[int]) { fired = next })
			}
		}
		if fired < when || fired >= when+Tick {
			t.Errorf("when %d: fired at %d", when, fired)
		}
		if w.Len() != 0 || w.Next() != Never {
			t.Errorf("when %d: the wheel is not empty afterwards", when)
		}
	}
}

func TestFarthestMomentDoesNotOverflow(t *testing.T) {
	var w Wheel[int]
	tm := &Timer[int]{}
	w.Add(tm, math.MaxInt64)
	w.Expire(math.MaxInt64>>1, func(*Timer[int]) { t.Error("fired") })
	if w.Next() < 0 {
		t.Errorf("Next = %d", w.Next())
	}
	if !w.Remove(tm) || w.Len() != 0 {
		t.Error("can't be removed")
	}
}

func TestRemovedTimerDoesNotFire(t *testing.T) {
	var w Wheel[int]
	a, b := &Timer[int]{}, &Timer[int]{}
	w.Add(a, 5*Tick)
	w.Add(b, 5*Tick)
	if !a.Set() || !w.Remove(a) || w.Remove(a) || a.Set() {
		t.Fatal("Remove is not exact about what is in the wheel")
	}
	var fired []*Timer[int]
	w.Expire(10*Tick, func(t *Timer[int]) { fired = append(fired, t) })
	if len(fired) != 1 || fired[0] != b {
		t.Fatalf("fired %v, want b alone", fired)
	}
}

func TestTimerAddedWhileFiringForThePastFiresAtTheNextTick(t *testing.T) {
	var w Wheel[int]
	a := &Timer[int]{}
	w.Add(a, Tick)
	n := 0
	again := func(t *Timer[int]) {
		if n++; n == 1 {
			w.Add(t, 1)
		}
	}
	w.Expire(Tick, again)
	if n != 1 || w.Next() != 2*Tick {
		t.Fatalf("fired %d times, next at %d; want once, then %d", n, w.Next(), 2*Tick)
	}
	w.Expire(2*Tick, again)
	if n != 2 {
		t.Fatalf("fired %d times, want 2", n)
	}
}

// Random additions, removals and steps against a sorted list.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var w Wheel[int64]
		model := map[*Timer[int64]]bool{}
		now := rng.Int64N(1 << 45)
		w.Expire(now, nil)
		for range 2000 {
			switch rng.IntN(4) {
			case 0, 1:
				tm := &Timer[int64]{}
				when := now + rng.Int64N(1<<rng.IntN(42)+1) - Tick
				tm.Owner = max(when, now) // due at once when in the past
				w.Add(tm, when)
				model[tm] = true
			case 2:
				for tm := range model {
					w.Remove(tm)
					delete(model, tm)
					break
				}
			case 3:
				now += rng.Int64N(1 << rng.IntN(40))
				if next := w.Next(); next != Never && rng.IntN(2) == 0 {
					now = max(now, next)
				}
				w.Expire(now, func(tm *Timer[int64]) {
					if !model[tm] {
						t.Fatalf("seed %d: fired what is not in the wheel", seed)
					}
					if tm.When() > now {
						t.Fatalf("seed %d: fired %d ns early", seed, tm.When()-now)
					}
					delete(model, tm)
				})
				var left []int64
				for tm := range model {
					left = append(left, tm.When())
					if tm.Owner <= now-2*Tick {
						t.Fatalf("seed %d: %d ns overdue", seed, now-tm.Owner)
					}
				}
				sort.Slice(left, func(i, j int) bool { return left[i] < left[j] })
				if len(left) > 0 && w.Next() > max(left[0], now)+2*Tick {
					t.Fatalf("seed %d: Next = %d, the earliest is due at %d, now %d", seed, w.Next(), left[0], now)
				}
			}
			if w.Len() != len(model) {
				t.Fatalf("seed %d: Len = %d, want %d", seed, w.Len(), len(model))
			}
		}
	}
}

// Setting, moving and cancelling cost the same among a thousand timers and
// among a million, but for the processor's caches.
func TestMillionTimersCostNoMoreEach(t *testing.T) {
	cost := func(n int) time.Duration {
		var w Wheel[int]
		rng := rand.New(rand.NewPCG(1, uint64(n)))
		timers := make([]Timer[int], n)
		for i := range timers {
			w.Add(&timers[i], 1+rng.Int64N(1<<42))
		}
		const ops = 20_000
		best := time.Duration(math.MaxInt64)
		for range 20 { // the best one was not disturbed
			begin := time.Now()
			for range ops {
				tm := &timers[rng.IntN(n)]
				w.Remove(tm)
				w.Add(tm, 1+rng.Int64N(1<<42))
			}
			best = min(best, time.Since(begin)/ops)
		}
		if w.Len() != n {
			t.Errorf("%d timers, want %d", w.Len(), n)
		}
		return best
	}
	few, many := cost(1000), cost(1_000_000)
	t.Logf("%v among a thousand, %v among a million", few, many)
	if many > 20*max(few, 20*time.Nanosecond) {
		t.Errorf("an operation takes %v among a thousand and %v among a million timers", few, many)
	}
}

// A million timers all fire, in order, none early and none later than a tick
// after the step that it was due in.
func TestMillionTimersFire(t *testing.T) {
	var w Wheel[int]
	rng := rand.New(rand.NewPCG(3, 4))
	const n, span, steps = 1_000_000, int64(1) << 36, 1000
	timers := make([]Timer[int], n)
	for i := range timers {
		w.Add(&timers[i], 1+rng.Int64N(span))
	}
	fired := 0
	for step := int64(1); step <= steps+1; step++ {
		before, now := (step-1)*span/steps, step*span/steps
		w.Expire(now, func(tm *Timer[int]) {
			if tm.When() > now || tm.When() <= before-Tick {
				t.Fatalf("due at %d, fired in the step from %d to %d", tm.When(), before, now)
			}
			fired++
		})
	}
	if fired != n || w.Len() != 0 || w.Next() != Never {
		t.Errorf("%d fired, %d left", fired, w.Len())
	}
}

func BenchmarkAddRemoveAmongMillion(b *testing.B) {
	var w Wheel[int]
	rng := rand.New(rand.NewPCG(1, 1))
	for range 1_000_000 {
		w.Add(&Timer[int]{}, rng.Int64N(1<<42))
	}
	tm := &Timer[int]{}
	b.ReportAllocs()
	for b.Loop() {
		w.Add(tm, 1<<40)
		w.Remove(tm)
	}
}
