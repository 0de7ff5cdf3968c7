package runtime

import (
	"math/rand/v2"
	goruntime "runtime"
	"sync"
	"testing"
)

func TestAnnounceIsRefusedWhenReady(t *testing.T) {
	var s side
	s.keep()
	if s.announce() {
		t.Fatal("a ready side lets its operation sleep")
	}
	if !s.take() || s.take() {
		t.Fatal("take does not take exactly once")
	}
}

func TestRouseBeforeSleepIsNotLost(t *testing.T) {
	var s side
	for range 1000 {
		if !s.announce() {
			t.Fatal("announce refused")
		}
		s.rouse(0)
		s.sleep() // would hang
	}
}

func TestWithdrawAfterRouseLeavesNothing(t *testing.T) {
	var s side
	for i := range 1000 {
		if !s.announce() {
			t.Fatal("announce refused")
		}
		if i%2 == 0 {
			s.rouse(0)
		}
		s.withdraw()
		if st := s.state.Load(); st != 0 {
			t.Fatalf("state %b after withdraw", st)
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
	for range rounds {
		for !s.take() {
			if !s.announce() {
				continue
			}
			if rand.IntN(8) == 0 {
				s.withdraw()
			} else {
				s.sleep()
			}
		}
		taken <- struct{}{}
	}
	close(stop)
	wg.Wait()
}
