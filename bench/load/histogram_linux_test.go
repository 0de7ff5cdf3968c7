package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketsCoverEveryDuration(t *testing.T) {
	next := uint64(0)
	var h histogram
	for i := range h.counts {
		low, width := bounds(i)
		if low != next {
			t.Fatalf("bucket %d begins at %d, the one before ended at %d", i, low, next)
		}
		if bucket(low) != i || bucket(low+width-1) != i {
			t.Fatalf("bounds %d and %d of bucket %d are in buckets %d and %d", low, low+width-1, i, bucket(low), bucket(low+width-1))
		}
		next = low + width
	}
	if next != math.MaxInt64+1 {
		t.Fatalf("the last bucket ends at %d", next)
	}
}

func TestQuantilesAreWithinABucketOfTheExactOnes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h histogram
	var all []time.Duration
	for range 100_000 {
		d := time.Duration(math.Exp(rng.NormFloat64()*2 + 10))
		h.add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, .01, .5, .9, .99, .9999} {
		exact := all[int(q*float64(len(all)))]
		if got := h.quantile(q); math.Abs(float64(got-exact)) > float64(exact)/sub+1 {
			t.Errorf("quantile %v is %v, exactly it is %v", q, got, exact)
		}
	}
	if h.quantile(1) != all[len(all)-1] || h.max != all[len(all)-1] {
		t.Errorf("the largest is %v and %v, exactly it is %v", h.quantile(1), h.max, all[len(all)-1])
	}
}

func TestQuantileOfNothingIsZero(t *testing.T) {
	var h histogram
	if got := h.quantile(.5); got != 0 {
		t.Errorf("got %v", got)
	}
}
