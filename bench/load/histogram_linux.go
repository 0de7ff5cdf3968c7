package load

import (
	"math/bits"
	"time"
)

// A bucket spans 1/32 of its lower bound, so quantiles are exact to 3 %.
const (
	subBits = 5
	sub     = 1 << subBits
)

// histogram counts durations in buckets whose width grows with the value.
// Values under sub nanoseconds have a bucket each.
type histogram struct {
	counts [(64 - subBits) * sub]uint64
	total  uint64
	max    time.Duration
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.total++
	h.max = max(h.max, d)
}

// merge adds what other has.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// quantile returns the middle of the bucket that holds the value below which
// a share q of all values lies, or 0 when there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.total))
	var seen uint64
	for i, n := range h.counts {
		seen += n
		if seen > rank {
			low, width := bounds(i)
			return min(time.Duration(low+width/2), h.max)
		}
	}
	return h.max
}

// bucket returns the index of the bucket for v, at most math.MaxInt64: the exponent of v above, the
// subBits bits that follow its leading one below.
func bucket(v uint64) int {
	if v < sub {
		return int(v)
	}
	exp := bits.Len64(v) - subBits - 1
	return exp*sub + int(v>>exp)
}

// bounds is the inverse of bucket.
func bounds(i int) (low, width uint64) {
	if i < 2*sub {
		return uint64(i), 1
	}
	exp := i/sub - 1
	return uint64(i-exp*sub) << exp, 1 << exp
}
