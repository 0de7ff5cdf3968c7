package runtime

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// Durations say how often something took how long.
type Durations struct {
	Count uint64
	Sum   time.Duration
	Max   time.Duration
	// Buckets count by length: each has those of at most its Bound, and more
	// than the one's before.
	Buckets [DurationBuckets]uint64
}

// DurationBuckets is the number of buckets of Durations.
const DurationBuckets = 14

// Bound returns the longest duration that bucket i counts: a microsecond for
// the first one, and four times as long for each next one up to 16.8 s. The
// last one has no bound: it is returned as the longest duration there is.
func (Durations) Bound(i int) time.Duration {
	if i == DurationBuckets-1 {
		return math.MaxInt64
	}
	return time.Microsecond << (2 * i)
}

// Quantile returns a bound of the shortest fraction q of the durations, such as
// 0.99: they took no longer, and those counted in one bucket can't be told
// apart. It is zero if there are none.
func (d Durations) Quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(d.Count)))
	for i, n := range d.Buckets {
		if n >= rank && n > 0 {
			return min(d.Bound(i), d.Max)
		}
		rank -= min(n, rank)
	}
	return d.Max
}

// durations are Durations that one goroutine at a time counts in while others
// read.
type durations struct {
	sum, max atomic.Int64
	buckets  [DurationBuckets]atomic.Uint64
}

// add counts d as often as weight says; it may be negative, by a clock's
// resolution.
func (ds *durations) add(d time.Duration, weight uint64) {
	d = max(d, 0)
	i := 0
	if d > time.Microsecond {
		i = min((bits.Len64(uint64((d-1)/time.Microsecond))+1)/2, DurationBuckets-1)
	}
	ds.buckets[i].Add(weight)
	ds.sum.Add(int64(d) * int64(weight))
	if int64(d) > ds.max.Load() {
		ds.max.Store(int64(d))
	}
}

func (ds *durations) read() Durations {
	d := Durations{Sum: time.Duration(ds.sum.Load()), Max: time.Duration(ds.max.Load())}
	for i := range ds.buckets {
		d.Buckets[i] = ds.buckets[i].Load()
		d.Count += d.Buckets[i]
	}
	return d
}
