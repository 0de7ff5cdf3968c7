package netpoll_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// pollSoon calls PollSoon until there are events.
func (p *poller) pollSoon(events *netpoll.Events) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		n, err := p.PollSoon(events)
		if err != nil || n != events.Len() {
			p.t.Fatalf("PollSoon: %d of %d events, %v", n, events.Len(), err)
		}
		if n > 0 {
			return
		}
	}
	p.t.Fatal("PollSoon: no event")
}

// drain reads all that is there of a source with Edge, and says so.
func (p *poller) drain(a *socket) {
	p.t.Helper()
	a.readAll()
	if err := a.source().Rearm(p.Poll, R); err != nil {
		p.t.Fatal(err)
	}
}

func TestPollSoonReturnsByItself(t *testing.T) {
	p := newPoller(t)
	a, _ := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	events := netpoll.NewEvents(4)
	for range 100 {
		if n, err := p.PollSoon(events); n != 0 || err != nil {
			t.Fatalf("PollSoon: %d, %v", n, err)
		}
	}
}

func TestPollSoonTellsWhatIsReady(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	r, s := registration.New()
	p.register(a.source(), 1, R, netpoll.Edge)
	p.register(r, 2, R, netpoll.Edge)
	events := netpoll.NewEvents(4)
	for range 10 {
		b.write([]byte("x"))
		p.pollSoon(events)
		if ev := events.At(0); events.Len() != 1 || ev.Token() != 1 || !ev.Readiness().Contains(R) {
			t.Fatalf("events %v", events)
		}
		p.drain(a)
		s.Set(R)
		p.pollSoon(events)
		if ev := events.At(0); events.Len() != 1 || ev.Token() != 2 || ev.Readiness() != R {
			t.Fatalf("events %v", events)
		}
		s.Set(0)
	}
	p.silent("told once")
}

// With room for one event, what PollSoon itself needs takes none away.
func TestPollSoonWithRoomForOne(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	events := netpoll.NewEvents(1)
	for range 200 {
		b.write([]byte("x"))
		p.pollSoon(events)
		p.drain(a)
	}
}

func TestPollSoonAfterWakeReturns(t *testing.T) {
	p := newPoller(t)
	events := netpoll.NewEvents(4)
	for range 10 {
		p.PollSoon(events) // has waited before
		wake(t, p.Poll)
		if n, err := p.PollSoon(events); n != 0 || err != nil {
			t.Fatalf("PollSoon: %d, %v", n, err)
		}
		nothing(t, p.Poll)
	}
}

// Whichever of the two waits, and whatever comes meanwhile from other goroutines:
// each edge is told, once, and nothing is waited for in vain.
func TestPollAndPollSoonTakeTurns(t *testing.T) {
	rounds := 5000
	if testing.Short() {
		rounds = 1000
	}
	p := newPoller(t)
	a, b := connectTCP(t)
	r, s := registration.New()
	p.register(a.source(), 1, R, netpoll.Edge)
	p.register(r, 2, R, netpoll.Edge)
	orders := make(chan int)
	var other sync.WaitGroup
	other.Go(func() {
		for order := range orders {
			switch order {
			case 0:
				b.write([]byte("x"))
			case 1:
				s.Set(R)
			case 2:
				wake(t, p.Poll)
			}
		}
	})
	defer other.Wait()
	defer close(orders)
	events := netpoll.NewEvents(4)
	random := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		order := random.IntN(3)
		orders <- order
		for told := false; !told; {
			var n int
			var err error
			soon := random.IntN(4) > 0
			if soon {
				n, err = p.PollSoon(events)
			} else {
				n, err = p.Poll.Poll(events, -1) // would hang
			}
			switch {
			case err != nil || n > 1:
				t.Fatalf("%d events, %v", n, err)
			case n == 0:
				// Wake is not told apart from nothing at all: the next call would
				// return at once if it was still to be answered.
				told = order == 2 && !soon
			case events.At(0).Token() != netpoll.Token(order+1):
				t.Fatalf("event of token %d, order %d", events.At(0).Token(), order)
			default:
				told = true
			}
			if order == 2 && soon && n == 0 {
				// It may have been answered, or not.
				orders <- 2
			}
		}
		switch order {
		case 0:
			p.drain(a)
		case 1:
			s.Set(0)
		}
	}
}

func TestCloseEndsPollSoon(t *testing.T) {
	for range 20 {
		p := newPoller(t)
		events := netpoll.NewEvents(4)
		p.PollSoon(events)
		var closer sync.WaitGroup
		closer.Go(func() { p.Close() })
		for {
			if _, err := p.PollSoon(events); err != nil {
				if !errors.Is(err, os.ErrClosed) {
					t.Fatal(err)
				}
				break
			}
		}
		closer.Wait()
		if _, leads := p.Lead(events); leads {
			t.Fatal("leads a closed Poll")
		}
		p.Follow()
	}
}
