package registration_test

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// long makes the tests that look for rare orders take minutes.
var long = os.Getenv("MOOR_LONG") != ""

func TestSetRacesRegisterAndIsNeverLost(t *testing.T) {
	p := newPoller(t, 8)
	for range 5000 / crossings {
		r, s := registration.New()
		start := make(chan struct{})
		go func() {
			<-start
			s.Set(R)
		}()
		close(start)
		must(t, p.Register(r, 9, R, edge))
		p.await(event{9, R})
		p.expect()
		must(t, r.Close())
	}
}

// Producers run through all values, the poller through interests: in the end
// the last value is what every source fires with.
func TestLastReadinessWinsWhileInterestsChange(t *testing.T) {
	const (
		sources   = 128
		producers = 4
		rounds    = 500 / crossings
	)
	attempts := 30 / slow
	if long {
		attempts = 30
	}
	for range attempts {
		p := newPoller(t, 1024)
		regs := make([]*registration.Registration, sources)
		sets := make([]*registration.SetReadiness, sources)
		for i := range regs {
			regs[i], sets[i] = p.pair(netpoll.Token(i), R, edge)
		}
		var last [sources]netpoll.Ready
		note := func() {
			for _, e := range p.poll(0) {
				last[e.Token()] = e.Readiness()
			}
		}
		var running atomic.Int32
		running.Store(producers)
		for range producers {
			go func() {
				defer running.Add(-1)
				for range rounds {
					for _, s := range sets {
						for _, v := range [...]netpoll.Ready{R, 0, W, R | W, 0} {
							s.Set(v)
						}
					}
				}
				for _, s := range sets {
					s.Set(R)
				}
			}()
		}
		for running.Load() > 0 {
			for _, interest := range [...]netpoll.Ready{W, R} {
				for i, r := range regs {
					must(t, p.Reregister(r, netpoll.Token(i), interest, edge))
				}
				note()
			}
		}
		note()
		for i, ready := range last {
			if ready != R {
				t.Fatalf("source %d: the last event was %v", i, ready)
			}
		}
		must(t, p.Close())
	}
}

// Every event is delivered to one poller only: each re-fires its source until
// the sixteenth.
func TestManyPollersShareTheEvents(t *testing.T) {
	const (
		sources = 10_000
		pollers = 4
		times   = 16
	)
	p := newPoller(t, 1)
	sets := make([]*registration.SetReadiness, sources)
	for i := range sets {
		_, sets[i] = p.pair(netpoll.Token(i), R, edge)
	}
	var seen [sources]atomic.Int32
	var total atomic.Int64
	var all sync.WaitGroup
	for range pollers {
		all.Go(func() {
			events := netpoll.NewEvents(128)
			for {
				if _, err := p.Poll.Poll(events, -1); err != nil {
					wantErr(t, "Poll", err, os.ErrClosed)
					return
				}
				for e := range events.All() {
					if seen[e.Token()].Add(1) < times {
						sets[e.Token()].Set(R)
					}
					if total.Add(1) == sources*times {
						p.Close()
					}
				}
			}
		})
	}
	for _, s := range sets {
		must(t, s.Set(R))
	}
	within(t, "pollers", all.Wait)
	for i := range seen {
		if n := seen[i].Load(); n != times {
			t.Fatalf("source %d fired %d times", i, n)
		}
	}
}

// An edge that is set again while Poll is at work comes with the next Poll.
func TestBusyProducerFiresOnceAPoll(t *testing.T) {
	p := newPoller(t, 64)
	_, s := p.pair(1, R, edge)
	var stop atomic.Bool
	var setter sync.WaitGroup
	defer setter.Wait()
	defer stop.Store(true)
	setter.Go(func() {
		for !stop.Load() {
			s.Set(R)
		}
	})
	for range 5000 / slow {
		p.await(event{1, R})
	}
}

func TestBusyProducersDoNotStarveEachOther(t *testing.T) {
	const producers = 8
	p := newPoller(t, 4)
	var stop atomic.Bool
	var all sync.WaitGroup
	defer all.Wait()
	defer stop.Store(true)
	started := make(chan struct{})
	for i := range producers {
		_, s := p.pair(netpoll.Token(i), R, edge)
		all.Go(func() {
			s.Set(R)
			started <- struct{}{}
			for !stop.Load() {
				s.Set(R)
			}
		})
	}
	for range producers {
		<-started
	}
	seen := map[netpoll.Token]bool{}
	for range 5 {
		for _, e := range p.poll(limit) {
			seen[e.Token()] = true
		}
	}
	if len(seen) != producers {
		t.Errorf("%d of %d tokens within 5 polls: %v", len(seen), producers, seen)
	}
}

func TestPairsSetAndClosedElsewhereWhileOthersRegister(t *testing.T) {
	const pairs, closers = 50_000, 8
	type pair struct {
		r *registration.Registration
		s *registration.SetReadiness
	}
	p := newPoller(t, 128)
	work := make(chan pair, 64)
	var all sync.WaitGroup
	for range closers {
		all.Go(func() {
			for pair := range work {
				if err := pair.s.Set(R); err != nil {
					t.Error(err)
				}
				if err := pair.r.Close(); err != nil {
					t.Error(err)
				}
				wantErr(t, "Set after Close", pair.s.Set(R), os.ErrClosed)
			}
		})
	}
	within(t, "the pairs", func() {
		for i := range pairs {
			r, s := registration.New()
			if err := p.Register(r, netpoll.Token(i), R, edge); err != nil {
				t.Error(err)
				break
			}
			work <- pair{r, s}
			if i%100 == 0 {
				p.Poll.Poll(p.events, 0)
			}
		}
		close(work)
		all.Wait()
	})
	p.poll(0) // lets go of what is left in the queue
	p.expect()
}

// stress has producers, pollers and closers at work on one Poll. Each producer
// waits for the answer to each of its Sets, so that a lost wake-up stops it.
type stress struct {
	producers, pollers int
	rounds             int
	opts               netpoll.PollOpt
	closePoll          bool // in the middle, by a producer
}

func (st stress) run(t *testing.T) {
	p := newPoller(t, 3)
	type source struct {
		r       *registration.Registration
		s       *registration.SetReadiness
		written int // plain memory: handed over by Set and by answer
		answer  chan int
	}
	sources := make([]source, st.producers)
	for i := range sources {
		src := &sources[i]
		src.answer = make(chan int, 1)
		src.r, src.s = p.pair(netpoll.Token(i), R, st.opts)
	}
	closed := make(chan struct{})
	var pollers, producers sync.WaitGroup
	for range st.pollers {
		pollers.Go(func() {
			events := netpoll.NewEvents(2)
			for {
				if _, err := p.Poll.Poll(events, -1); err != nil {
					wantErr(t, "Poll", err, os.ErrClosed)
					return
				}
				for e := range events.All() {
					src := &sources[e.Token()]
					if st.opts != edge { // it would fire again as it is
						src.s.Set(0)
					}
					written := src.written
					if st.opts&oneshot != 0 {
						if err := p.Reregister(src.r, e.Token(), R, st.opts); err != nil && !errors.Is(err, os.ErrClosed) {
							t.Error(err)
						}
					}
					src.answer <- written
				}
			}
		})
	}
	for i := range sources {
		src := &sources[i]
		producers.Go(func() {
			for n := range st.rounds {
				src.written = n
				if src.s.Set(R) != nil {
					return
				}
				if st.closePoll && i == 0 && n == st.rounds/2 {
					p.Close()
					close(closed)
				}
				select {
				case got := <-src.answer:
					if got != n {
						t.Errorf("source %d: answer %d to %d", i, got, n)
						return
					}
				case <-closed:
					return
				}
			}
			if err := src.r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	within(t, "producers", producers.Wait)
	p.Close()
	within(t, "pollers", pollers.Wait)
	for i := range sources {
		wantErr(t, "Set in the end", sources[i].s.Set(R), os.ErrClosed)
	}
}

func TestNoWakeUpIsLost(t *testing.T) {
	rounds := 4000 / slow
	if long {
		rounds = 400_000 / slow
	}
	for _, opts := range []netpoll.PollOpt{edge, edge | oneshot, oneshot} {
		for _, producers := range []int{1, 2, 8} {
			for _, pollers := range []int{1, 3} {
				for _, closePoll := range []bool{false, true} {
					stress{producers, pollers, rounds, opts, closePoll}.run(t)
				}
			}
		}
	}
	// Level-triggered sources go to one poller: a second one may see a source
	// before the first has cleared it.
	for _, producers := range []int{1, 2, 8} {
		stress{producers, 1, rounds, level, false}.run(t)
	}
}

// Everything at once, with no order at all: it must end, and if the Poll is
// not closed, what is set last must arrive.
func TestChaosOfSettersUpdatersAndClosers(t *testing.T) {
	rounds := 3000 / slow
	if long {
		rounds = 300_000 / slow
	}
	for round := range rounds {
		chaos(t, round%7, round%2 == 0)
	}
}

func chaos(t *testing.T, delay int, closePoll bool) {
	const survivor = 99
	p := newPoller(t, 2)
	_, last := p.pair(survivor, R, edge)
	r, s := p.pair(1, R, level)
	var all sync.WaitGroup
	for i := range 3 {
		all.Go(func() {
			for n := range 20 {
				s.Set(netpoll.Ready(n+i) & (R | W))
				last.Set(netpoll.Ready(n) & W)
			}
		})
		all.Go(func() {
			for n := range netpoll.Token(10) {
				p.Deregister(r)
				p.Register(r, n, R, edge)
				p.Reregister(r, n, R|W, level|oneshot)
				runtime.Gosched()
			}
		})
	}
	all.Go(func() {
		for range delay {
			runtime.Gosched()
		}
		if closePoll {
			p.Close()
		}
		r.Close()
	})
	var end error // of the survivor's last Set
	var done sync.WaitGroup
	done.Go(func() {
		all.Wait()
		end = last.Set(R)
	})
	within(t, "the last event, or the end of the Poll", func() {
		for {
			if _, err := p.Poll.Poll(p.events, -1); err != nil {
				if !closePoll {
					t.Error(err)
				}
				wantErr(t, "Poll", err, os.ErrClosed)
				return
			}
			for e := range p.events.All() {
				if e.Token() == survivor && e.Readiness() == R {
					return
				}
			}
		}
	})
	done.Wait()
	if closePoll {
		wantErr(t, "Set", end, os.ErrClosed)
		return
	}
	must(t, end)
	p.expect()
	must(t, p.Close())
}
