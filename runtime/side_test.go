package runtime

import (
	"math/rand/v2"
	goruntime "runtime"
	"sync"
	"testing"
)

func TestReadySideLetsNobodySleep(t *testing.T) {
	var s side
	s.keep()
	if s.announce(new(job)) || s.unlessReady(asleep) {
		t.Fatal("a ready side lets its operation sleep")
	}
	if !s.take() || s.take() {
		t.Fatal("take does not take exactly once")
	}
}

func TestRouseBeforeSleepIsNotLost(t *testing.T) {
	s := new(side)
	for range 1000 {
		s.unlessReady(asleep)
		s.rouse(0)
		s.seat.Park() // would hang
	}
}

func TestUnsetTellsWhetherAWakeIsOnItsWay(t *testing.T) {
	s := new(side)
	for i := range 1000 {
		s.unlessReady(asleep)
		if i%2 == 0 {
			s.rouse(0)
		}
		if mine := s.unset(asleep); mine != (i%2 == 1) {
			t.Fatalf("round %d: unset = %v", i, mine)
		} else if !mine {
			s.seat.Park()
		}
		if st := s.state.Load(); st != 0 {
			t.Fatalf("state %b afterwards", st)
		}
	}
}

func TestRouseReturnsTheJob(t *testing.T) {
	var s side
	j := new(job)
	if !s.announce(j) || s.rouse(0) != j || s.rouse(0) != nil || s.withdraw() {
		t.Fatal("the job is not returned exactly once")
	}
	if !s.announce(j) || !s.withdraw() || s.rouse(ready) != nil {
		t.Fatal("a job that was withdrawn is returned")
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
	s := new(side)
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
	for range rounds {
		for !s.take() {
			if s.unlessReady(asleep) {
				s.seat.Park()
			}
		}
		taken <- struct{}{}
	}
	close(stop)
	wg.Wait()
}
