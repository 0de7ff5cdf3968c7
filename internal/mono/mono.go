// Package mono tells monotonic time as a plain number, so that deadlines can
// be stored in one atomic word and compared without touching package time.
package mono

import (
	"math"
	"time"
)

// base is the moment that Now counts from. It lies one second before the
// process asked for it, so that no later moment is ever zero or negative.
var base = time.Now().Add(-time.Second)

// Now returns the nanoseconds since the process's base moment. It never goes
// back, never returns zero or less, and may be called from any goroutine.
func Now() int64 { return int64(time.Since(base)) }

// At returns the moment t on Now's scale.
//
// A time with a monotonic reading needs no look at the clock. One without is
// placed by its distance from the present wall-clock time, as package net
// does it. Far moments saturate; moments before the base are returned as one,
// which lies in the past of every caller.
func At(t time.Time) int64 {
	var d int64
	if t == t.Round(0) { // Round strips the monotonic reading
		d = int64(time.Until(t))
		now := Now()
		if d > math.MaxInt64-now {
			return math.MaxInt64
		}
		d += now
	} else {
		d = int64(t.Sub(base))
	}
	return max(d, 1)
}

// Time returns the time whose moment is at: At's inverse.
func Time(at int64) time.Time { return base.Add(time.Duration(at)) }

// Until returns the time from now to the moment at, at least zero.
func Until(at int64) time.Duration {
	return time.Duration(max(at-Now(), 0))
}

// After returns the moment d from now; it saturates.
func After(d time.Duration) int64 {
	now := Now()
	if int64(d) > math.MaxInt64-now {
		return math.MaxInt64
	}
	return now + int64(d)
}
