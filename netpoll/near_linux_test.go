//go:build !moor_poll

package netpoll

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// A wake-up ends the wait in the kernel by itself: the ticker, which would end it
// too, is off here. Were the wake-up lost this test would hang.
func TestWakeEndsTheWaitInTheKernel(t *testing.T) {
	if n := runtime.GOMAXPROCS(0); n == 1 { // which the wait would hold
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	}
	p, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	events := NewEvents(4)
	for range 500 {
		p.PollSoon(events) // the mode is polling afterwards
		if err := every(p.sel.near.ticker, 0); err != nil {
			t.Fatal(err)
		}
		var waker sync.WaitGroup
		var wakes atomic.Bool
		waker.Go(func() {
			for !p.sel.near.waiting.Load() {
				runtime.Gosched()
			}
			wakes.Store(true)
			if err := p.Wake(); err != nil {
				t.Error(err)
			}
		})
		for !wakes.Load() { // it ends early when the ticker was due already
			if n, err := p.PollSoon(events); n != 0 || err != nil {
				t.Fatalf("PollSoon: %d, %v", n, err)
			}
		}
		waker.Wait()
		if err := every(p.sel.near.ticker, SoonLimit); err != nil {
			t.Fatal(err)
		}
	}
}
