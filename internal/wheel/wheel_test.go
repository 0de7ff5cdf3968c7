package wheel

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"
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
