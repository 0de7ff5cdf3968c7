package runtime

import (
	"math"
	"testing"
	"time"
)

func TestDurationsAreInTheirBuckets(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 999, 1000, 1001, 3999, 4000, 4001, 16000, 16001, time.Millisecond, time.Second,
		17 * time.Second, time.Hour, math.MaxInt64} {
		var ds durations
		ds.add(d, 1)
		got := ds.read()
		for i, n := range got.Buckets {
			in := d <= got.Bound(i) && (i == 0 || d > got.Bound(i-1))
			if in != (n == 1) {
				t.Errorf("%v: bucket %d, up to %v, counts %d", d, i, got.Bound(i), n)
			}
		}
		if got.Count != 1 || got.Sum != d || got.Max != d {
			t.Errorf("%v: %+v", d, got)
		}
	}
}

func TestQuantilesAreBounds(t *testing.T) {
	var ds durations
	if q := ds.read().Quantile(0.5); q != 0 {
		t.Errorf("of nothing: %v", q)
	}
	ds.add(500*time.Nanosecond, 90)
	ds.add(3*time.Millisecond, 9)
	ds.add(-1, 0)
	ds.add(2*time.Hour, 1)
	d := ds.read()
	if d.Count != 100 {
		t.Fatalf("%+v", d)
	}
	for q, want := range map[float64]time.Duration{0: time.Microsecond, 0.5: time.Microsecond, 0.9: time.Microsecond,
		0.91: 4096 * time.Microsecond, 0.99: 4096 * time.Microsecond, 0.999: 2 * time.Hour, 1: 2 * time.Hour} {
		if got := d.Quantile(q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}
