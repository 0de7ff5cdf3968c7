package runtime

import (
	"math/rand/v2"
	goruntime "runtime"
	"sync"
	"testing"
)

// sleep announces w and waits for a rouse, unless the side is ready.
func (s *side) sleep(w *waiter) {
	w.asleep.Add(1)
	if !s.announce(&w.job) {
		w.asleep.Done()
	}
	w.asleep.Wait()
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
	w := waiters.New().(*waiter)
	for range 1000 {
		w.asleep.Add(1)
		if !s.announce(&w.job) {
			t.Fatal("announce refused")
		}
		s.rouse(0)
		w.asleep.Wait() // would hang
	}
}

func TestWithdrawTellsWhetherAWakeIsOnItsWay(t *testing.T) {
	var s side
	w := waiters.New().(*waiter)
	for i := range 1000 {
		w.asleep.Add(1)
		s.announce(&w.job)
		if i%2 == 0 {
			s.rouse(0)
		}
		if mine := s.withdraw(); mine != (i%2 == 1) {
			t.Fatalf("withdraw = %v", mine)
		} else if mine {
			w.asleep.Done()
		}
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
	w := waiters.New().(*waiter)
	for range rounds {
		for !s.take() {
			s.sleep(w)
		}
		taken <- struct{}{}
	}
	close(stop)
	wg.Wait()
}
