package registration_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// sets returns n pairs registered with p, tokens from 0.
func (p *poller) sets(n int, opts netpoll.PollOpt) (*registration.Registration, []*registration.SetReadiness) {
	p.t.Helper()
	var r *registration.Registration
	sets := make([]*registration.SetReadiness, n)
	for i := range sets {
		r, sets[i] = p.pair(netpoll.Token(i), R, opts)
	}
	return r, sets
}

// A Set that puts its source in the queue, the poller awake.
func BenchmarkSetAwake(b *testing.B) {
	const batch = 4096
	p := newPoller(b, batch)
	r, sets := p.sets(batch, edge)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i == batch {
			i = 0
			b.StopTimer()
			p.poll(0)
			b.StartTimer()
		}
		sets[i].Set(R)
	}
	if n := r.Wakeups(); n != 0 {
		b.Errorf("%d wake-ups", n)
	}
}

// A Set of a source whose event was not delivered yet.
func BenchmarkSetCoalesced(b *testing.B) {
	p := newPoller(b, 8)
	_, s := p.pair(1, R, edge)
	b.ReportAllocs()
	for b.Loop() {
		s.Set(R)
	}
}

// Several goroutines set one source each, the poller awake and busy.
func BenchmarkSetContended(b *testing.B) {
	const setters = 8
	p := newPoller(b, setters)
	_, sets := p.sets(setters, edge)
	b.ReportAllocs()
	stop := make(chan struct{})
	var polling, setting sync.WaitGroup
	polling.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				p.Poll.Poll(p.events, 0)
			}
		}
	})
	for _, s := range sets {
		setting.Go(func() {
			for range b.N / setters {
				s.Set(R)
			}
		})
	}
	setting.Wait()
	b.StopTimer()
	close(stop)
	polling.Wait()
}

// Eight goroutines set one source each, until all eight events have come. How
// many of them meet the same sleep is up to the scheduler; one sleep is ended
// by one wake at most.
func BenchmarkEightSetsToASleepingPoll(b *testing.B) {
	const setters = 8
	p := newPoller(b, setters)
	r, sets := p.sets(setters, edge)
	var start [setters]chan struct{}
	for i, s := range sets {
		start[i] = make(chan struct{}, 1)
		go func() {
			for range start[i] {
				s.Set(R)
			}
		}()
	}
	b.ReportAllocs()
	polls := 0
	for b.Loop() {
		for i := range start {
			start[i] <- struct{}{}
		}
		for got := 0; got < setters; polls++ {
			n, err := p.Poll.Poll(p.events, -1)
			must(b, err)
			got += n
		}
	}
	b.ReportMetric(float64(polls)/float64(b.N), "polls/op")
	b.ReportMetric(float64(r.Wakeups())/float64(polls), "wakes/poll")
	for i := range start {
		close(start[i])
	}
}

// One event, from Set to the end of the Poll that delivers it, by the number
// of events that a Poll delivers at once.
func BenchmarkEvent(b *testing.B) {
	for _, c := range []struct {
		name  string
		batch int
	}{{"1", 1}, {"16", 16}, {"1024", 1024}} {
		b.Run(c.name, func(b *testing.B) {
			p := newPoller(b, c.batch)
			_, sets := p.sets(c.batch, edge)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				sets[i].Set(R)
				if i++; i == c.batch {
					i = 0
					if n, err := p.Poll.Poll(p.events, -1); err != nil || n != c.batch {
						b.Fatal(n, err)
					}
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// Two goroutines wake each other, each sleeping in a Poll of its own.
func BenchmarkPingPong(b *testing.B) {
	there, back := newPoller(b, 8), newPoller(b, 8)
	_, ping := there.pair(1, R, edge)
	_, pong := back.pair(1, R, edge)
	go func() {
		for {
			if _, err := there.Poll.Poll(there.events, -1); err != nil {
				return
			}
			pong.Set(R)
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		ping.Set(R)
		if _, err := back.Poll.Poll(back.events, -1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTimerSet(b *testing.B) {
	p := newPoller(b, 8)
	tm := p.timer(1, edge)
	at := time.Now().Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		tm.Set(at)
	}
}

func BenchmarkChannelSendRecv(b *testing.B) {
	p := newPoller(b, 8)
	c := p.channel(64, R, edge)
	b.ReportAllocs()
	for b.Loop() {
		c.Send(1)
		c.Recv()
	}
}

// A hundred active registrations among idle ones: the cost of an event must not
// grow with those.
func BenchmarkIdle(b *testing.B) {
	const active = 100
	for _, idle := range []int{0, 1000, 100000} {
		b.Run(fmt.Sprint(idle), func(b *testing.B) {
			p := newPoller(b, active)
			keep, _ := p.sets(idle, edge)
			_, sets := p.sets(active, edge)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				sets[i].Set(R)
				if i++; i == active {
					i = 0
					if n, err := p.Poll.Poll(p.events, -1); err != nil || n != active {
						b.Fatal(n, err)
					}
				}
			}
			runtime.KeepAlive(keep)
		})
	}
}
