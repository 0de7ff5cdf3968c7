// Package wheel is a hierarchical timing wheel: setting, moving and cancelling
// a timer are O(1), whatever their number, and a timer never fires early.
package wheel

import (
	"math"
	"math/bits"
)

// Moments are nanoseconds on the scale of package mono. A timer fires at the
// first tick that begins at or after its moment, hence at most a tick late.
const (
	tickBits = 17 // a tick is 2^17 ns, about an eighth of a millisecond
	slotBits = 6
	slotsPer = 1 << slotBits
	levels   = 8 // 8*6+17 bits hold every moment of 63 bits
)

// Tick is the wheel's resolution in nanoseconds.
const Tick = 1 << tickBits

// Never is the moment that Next returns for an empty wheel.
const Never = math.MaxInt64

// A Timer is one entry of a Wheel, embedded in or owned by what it times. It
// is in at most one wheel at a time. The zero Timer is in none.
type Timer[T any] struct {
	Owner T

	when       int64
	next, prev *Timer[T]
	place      uint16 // 1 + level*64 + slot, zero when in no wheel
}

// Set reports whether the timer is in a wheel.
func (t *Timer[T]) Set() bool { return t.place != 0 }

// When returns the moment that the timer was last added for.
func (t *Timer[T]) When() int64 { return t.when }

// A Wheel holds timers. The zero Wheel is empty. It is not safe for concurrent
// use.
//
// A timer whose tick shares all but the lowest 6(n+1) bits with the current
// tick is on level n, in the slot that the tick's n'th group of six bits
// names. When the current tick reaches the beginning of a slot of a higher
// level, that slot's timers are spread over the levels below.
type Wheel[T any] struct {
	now  int64 // current tick: all earlier ones, and this one, have been fired
	used [levels]uint64
	list [levels * slotsPer]*Timer[T]
	n    int
}

// Len returns the number of timers in the wheel.
func (w *Wheel[T]) Len() int { return w.n }

// Add puts a timer that is in no wheel into w, to fire at the moment when.
func (w *Wheel[T]) Add(t *Timer[T], when int64) {
	if t.place != 0 {
		panic("wheel: timer is in a wheel")
	}
	t.when = when
	w.insert(t)
	w.n++
}

// tickOf returns the first tick that begins at or after when.
func tickOf(when int64) int64 {
	tick := when >> tickBits
	if when&(Tick-1) != 0 {
		tick++
	}
	return tick
}

// insert links t where its tick belongs; what is due already goes to the next
// tick, or to the current one while that is being fired.
func (w *Wheel[T]) insert(t *Timer[T]) {
	w.link(t, max(tickOf(t.when), w.now+1))
}

func (w *Wheel[T]) link(t *Timer[T], tick int64) {
	level := 0
	if diff := uint64(tick ^ w.now); diff != 0 {
		level = (bits.Len64(diff) - 1) / slotBits
	}
	slot := int(tick>>(level*slotBits)) & (slotsPer - 1)
	i := level*slotsPer + slot
	t.place = uint16(i + 1)
	t.prev, t.next = nil, w.list[i]
	if t.next != nil {
		t.next.prev = t
	}
	w.list[i] = t
	w.used[level] |= 1 << slot
}

// Remove takes t out of w. It reports false when t was not in it.
func (w *Wheel[T]) Remove(t *Timer[T]) bool {
	if t.place == 0 {
		return false
	}
	i := int(t.place - 1)
	if t.next != nil {
		t.next.prev = t.prev
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else if w.list[i] = t.next; t.next == nil {
		w.used[i/slotsPer] &^= 1 << (i % slotsPer)
	}
	t.next, t.prev, t.place = nil, nil, 0
	w.n--
	return true
}

// nextTick returns the next tick at which something fires or is spread, or
// Never.
func (w *Wheel[T]) nextTick() int64 {
	for level := range levels {
		shift := level * slotBits
		at := w.now >> shift & (slotsPer - 1)
		// Slots at or before the current one are empty on every level.
		if later := w.used[level] &^ (1<<(at+1) - 1); later != 0 {
			slot := int64(bits.TrailingZeros64(later))
			return w.now>>shift&^(slotsPer-1)<<shift | slot<<shift
		}
	}
	return Never
}

// Next returns the moment at which Expire should be called next: no timer
// fires before it, and it is Never when there is none. It may come earlier
// than the earliest timer when that one is far away.
func (w *Wheel[T]) Next() int64 {
	tick := w.nextTick()
	if tick > Never>>tickBits {
		return Never
	}
	return tick << tickBits
}

// Expire removes every timer that is due at the moment now and calls fire for
// it. fire may add and remove timers; one that it adds for a moment that has
// passed fires at the next tick.
func (w *Wheel[T]) Expire(now int64, fire func(*Timer[T])) {
	target := now >> tickBits
	for w.now < target {
		next := w.nextTick()
		if next > target {
			w.now = target
			return
		}
		w.now = next
		for level := levels - 1; level > 0; level-- {
			if w.now&(1<<(level*slotBits)-1) == 0 {
				w.spread(level)
			}
		}
		i := int(w.now & (slotsPer - 1))
		for t := w.list[i]; t != nil; t = w.list[i] {
			w.Remove(t)
			fire(t)
		}
	}
}

// spread moves the timers of the level's current slot to lower levels.
func (w *Wheel[T]) spread(level int) {
	slot := int(w.now>>(level*slotBits)) & (slotsPer - 1)
	i := level*slotsPer + slot
	t := w.list[i]
	w.list[i] = nil
	w.used[level] &^= 1 << slot
	for t != nil {
		next := t.next
		w.link(t, max(tickOf(t.when), w.now))
		t = next
	}
}
