package runtime

import (
	"math/rand/v2"
	goruntime "runtime"
	"sync"
	"testing"
)

// A sleeper is a waiter without an FD: as it falls asleep it does what before
// does.
type sleeper struct {
	waiter
	before func()
}

func (w *sleeper) Lock()   {}
func (w *sleeper) Unlock() { w.before() }

func newSleeper(before func(w *sleeper)) *sleeper {
	w := new(sleeper)
	w.before = func() { before(w) }
	w.job.to, w.asleep.L = &w.waiter, w
	return w
}

// sleeper returns one that sleeps until a rouse, unless the side is ready.
func (s *side) sleeper() *sleeper {
	return newSleeper(func(w *sleeper) {
		if !s.announce(&w.job) {
			w.asleep.Signal()
		}
	})
}

func TestAnnounceIsRefusedWhenReady(t *testing.T) {
	var s side
	s.keep()
	if s.announce(&waiters.New().(*waiter).job) {
		t.Fatal("a ready side lets its operation sleep")
	}
	if !s.take() || s.take() {
		t.Fatal("take does not take exactly once")
	}
}

func TestRouseBeforeSleepIsNotLost(t *testing.T) {
	var s side
	w := newSleeper(func(w *sleeper) {
		if !s.announce(&w.job) {
			t.Error("announce refused")
		}
		s.rouse(0)
	})
	for range 1000 {
		w.asleep.Wait() // would hang
	}
}

func TestWithdrawTellsWhetherAWakeIsOnItsWay(t *testing.T) {
	var s side
	i := 0
	w := newSleeper(func(w *sleeper) {
		s.announce(&w.job)
		if i%2 == 0 {
			s.rouse(0)
		}
		if mine := s.withdraw(); mine != (i%2 == 1) {
			t.Errorf("withdraw = %v", mine)
		} else if mine {
			w.asleep.Signal()
		}
	})
	for ; i < 1000; i++ {
		w.asleep.Wait()
		if st := s.state.Load(); st != 0 {
			t.Fatalf("state %b afterwards", st)
		}
	}
}

func TestPressingSurvivesTake(t *testing.T) {
	var s side
	s.rouse(ready | pressing)
	s.take()
	if s.state.Load() != pressing {
		t.Fatalf("state %b, want pressing alone", s.state.Load())
	}
}

// One waiter, one that sets ready, and some that wake for no reason, as
// deadlines and Close do: every ready that is set reaches the waiter.
func TestNoWakeUpIsLost(t *testing.T) {
	rounds := 100000
	if testing.Short() {
		rounds = 10000
	}
	var s side
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					s.rouse(0)
					goruntime.Gosched()
				}
			}
		})
	}
	taken := make(chan struct{})
	wg.Go(func() {
		for range rounds {
			if rand.IntN(2) == 0 {
				goruntime.Gosched()
			}
			s.rouse(ready)
			<-taken
		}
	})
	w := s.sleeper()
	for range rounds {
		for !s.take() {
			w.asleep.Wait()
		}
		taken <- struct{}{}
	}
	close(stop)
	wg.Wait()
}
