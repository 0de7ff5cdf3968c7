package mono

import (
	"math"
	"testing"
	"time"
)

func TestNowIsPositiveAndNeverGoesBack(t *testing.T) {
	last := Now()
	if last <= 0 {
		t.Fatalf("Now() = %d, want more than 0", last)
	}
	for range 1000 {
		now := Now()
		if now < last {
			t.Fatalf("Now() went from %d to %d", last, now)
		}
		last = now
	}
}

func TestAtPlacesTimesWithAndWithoutMonotonicReading(t *testing.T) {
	for _, d := range []time.Duration{-500 * time.Millisecond, 0, time.Hour, 1000 * time.Hour} {
		for name, strip := range map[string]func(time.Time) time.Time{
			"monotonic": func(t time.Time) time.Time { return t },
			"wall":      func(t time.Time) time.Time { return t.Round(0) },
		} {
			before := Now()
			at := At(strip(time.Now().Add(d)))
			after := Now()
			slack := int64(50 * time.Millisecond) // the wall clock may be slewed meanwhile
			if at < before+int64(d)-slack || at > after+int64(d)+slack {
				t.Errorf("%s %v: At = %d, want about %d", name, d, at, before+int64(d))
			}
		}
	}
}

func TestAtSaturates(t *testing.T) {
	if got := At(time.Unix(1, 0)); got != 1 {
		t.Errorf("At(1970) = %d, want 1", got)
	}
	if got := At(time.Unix(1<<40, 0)); got != math.MaxInt64 {
		t.Errorf("At(far future) = %d, want the largest number", got)
	}
	if got := At(time.Now().Add(math.MaxInt64)); got < math.MaxInt64/2 {
		t.Errorf("At(now + max) = %d, want a far moment", got)
	}
	if got := After(math.MaxInt64); got != math.MaxInt64 {
		t.Errorf("After(max) = %d, want the largest number", got)
	}
}

func TestUntilIsNeverNegative(t *testing.T) {
	if got := Until(1); got != 0 {
		t.Errorf("Until(past) = %v, want 0", got)
	}
	if got := Until(After(time.Hour)); got <= 59*time.Minute || got > time.Hour {
		t.Errorf("Until(in an hour) = %v", got)
	}
}
