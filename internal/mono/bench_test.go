package mono

import (
	"testing"
	"time"
)

func BenchmarkNow(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Now()
	}
}

func BenchmarkAt(b *testing.B) {
	for name, at := range map[string]time.Time{
		"monotonic": time.Now().Add(time.Hour),
		"wall":      time.Now().Add(time.Hour).Round(0),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				At(at)
			}
		})
	}
}

func TestTellingTimeDoesNotAllocate(t *testing.T) {
	at := time.Now().Add(time.Hour)
	if n := testing.AllocsPerRun(100, func() {
		if At(at) <= Now() || At(at.Round(0)) <= Now() {
			t.Error("an hour from now is not later than now")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
