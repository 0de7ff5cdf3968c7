package parker

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestUnparkBeforePark(t *testing.T) {
	p := new(Parker)
	for range 1000 {
		p.Unpark()
		p.Park() // would hang
	}
	if p.g != empty {
		t.Fatalf("word %#x afterwards", p.g)
	}
}

// Whatever the order, and whichever instruction the two meet at, each Unpark
// ends one Park. What was written before is seen after: the race detector
// watches it.
func TestPingPong(t *testing.T) {
	rounds := 300000
	if testing.Short() {
		rounds = 50000
	}
	var there, back atomic.Uint32
	a, b := new(Parker), new(Parker)
	ball := 0
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range rounds {
			a.Park()
			if there.Load() != uint32(i+1) || ball != 2*i+1 {
				t.Errorf("round %d: ball %d", i, ball)
			}
			ball++
			back.Store(uint32(i + 1))
			b.Unpark()
		}
	})
	for i := range rounds {
		ball++
		there.Store(uint32(i + 1))
		a.Unpark()
		if i%3 == 0 {
			runtime.Gosched()
		}
		b.Park()
		if back.Load() != uint32(i+1) || ball != 2*i+2 {
			t.Fatalf("round %d: ball %d", i, ball)
		}
	}
	wg.Wait()
}

// Sleepers survive garbage collections, which move their stacks.
func TestManySleepThroughCollections(t *testing.T) {
	const n, depth = 1000, 50
	ps := make([]*Parker, n)
	var wg sync.WaitGroup
	for i := range ps {
		ps[i] = new(Parker)
		wg.Go(func() {
			if sum := deep(depth, ps[i]); sum != depth {
				t.Errorf("%d frames on a stack of %d", sum, depth)
			}
		})
	}
	for _, p := range ps {
		for atomic.LoadUintptr(&p.g) == empty {
			runtime.Gosched()
		}
	}
	for i, p := range ps {
		if i%100 == 0 {
			runtime.GC()
		}
		p.Unpark()
	}
	wg.Wait()
}

// deep parks at the bottom of a stack that must grow and can shrink again.
func deep(n int, p *Parker) (sum byte) {
	var frame [256]byte
	if n == 0 {
		p.Park()
		return 0
	}
	frame[n] = deep(n-1, p)
	return frame[n] + 1
}

// A goroutine that sleeps looks as if it waited in package net.
func TestStateInDumps(t *testing.T) {
	p := new(Parker)
	var wg sync.WaitGroup
	wg.Go(p.Park)
	defer wg.Wait()
	defer p.Unpark()
	for atomic.LoadUintptr(&p.g) == empty {
		runtime.Gosched()
	}
	buf := make([]byte, 1<<20)
	dump := string(buf[:runtime.Stack(buf, true)])
	for g := range strings.SplitSeq(dump, "\n\n") {
		if strings.Contains(g, "(*Parker).Park") {
			if !strings.Contains(g, "[IO wait]:") {
				t.Fatalf("the sleeper's state is not IO wait:\n%s", g)
			}
			return
		}
	}
	t.Fatalf("no sleeper in the dump:\n%s", dump)
}

func TestSleepingAllocatesNothing(t *testing.T) {
	a, c := new(Parker), new(Parker)
	const rounds = 1000
	go func() {
		for range rounds + 1 { // AllocsPerRun makes one more
			a.Park()
			c.Unpark()
		}
	}()
	if n := testing.AllocsPerRun(rounds, func() {
		a.Unpark()
		c.Park()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParkUnpark(b *testing.B) {
	a, c := new(Parker), new(Parker)
	n := b.N
	go func() {
		for range n {
			a.Park()
			c.Unpark()
		}
	}()
	b.ReportAllocs()
	for range n {
		a.Unpark()
		c.Park()
	}
}

// Who yields comes back, and those who could run have run by then.
func TestYieldLetsOthersRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var ran atomic.Int32
	for range 10 {
		go ran.Add(1)
	}
	// Once would do, if nobody was preempted meanwhile.
	for range 100 {
		if Yield(); ran.Load() == 10 {
			return
		}
	}
	t.Errorf("%d of 10 goroutines have run", ran.Load())
}
