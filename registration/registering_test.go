package registration_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// A kind of source, and how to make one readable.
type kind struct {
	name string
	make func(t *testing.T) (src netpoll.Source, ready func())
}

var kinds = []kind{
	{"system", func(t *testing.T) (netpoll.Source, func()) {
		r, w := pipe(t)
		return r, func() { fill(t, w) }
	}},
	{"user", func(t *testing.T) (netpoll.Source, func()) {
		r, s := registration.New()
		return r, func() { must(t, s.Set(R)) }
	}},
}

// forKinds runs f for each kind of source.
func forKinds(t *testing.T, f func(t *testing.T, k kind)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { f(t, k) })
	}
}

func TestInterestChangedWithoutPollDropsTheEvent(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind) {
		p := newPoller(t, 8)
		src, ready := k.make(t)
		must(t, p.Register(src, 1, R, edge|oneshot))
		ready()
		must(t, p.Reregister(src, 1, W, edge|oneshot))
		p.told()
	})
}

func TestRegisteringFromThreeGoroutines(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind) {
		p := newPoller(t, 8)
		var all sync.WaitGroup
		for token := range netpoll.Token(3) {
			src, ready := k.make(t)
			ready()
			all.Go(func() {
				if err := p.Register(src, token, R, edge); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		seen := map[netpoll.Token]int{}
		for len(seen) < 3 {
			for _, e := range p.poll(limit) {
				seen[e.Token()]++
			}
		}
		p.told()
		if len(seen) != 3 || seen[0] != 1 || seen[1] != 1 || seen[2] != 1 {
			t.Errorf("events by token: %v", seen)
		}
	})
}

func TestRegisteringWhileAnotherIsBlockedInPollFiresOnce(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind) {
		for range 50 {
			p := newPoller(t, 8)
			polling := make(chan struct{})
			polled := make(chan error)
			go func() {
				close(polling)
				_, err := p.Poll.Poll(p.events, limit)
				polled <- err
			}()
			<-polling
			src, ready := k.make(t)
			ready()
			must(t, p.Register(src, 7, R, edge))
			must(t, <-polled)
			p.same(slices.Collect(p.events.All()), []event{{7, R}})
			p.told()
		}
	})
}

func TestEventComesWithTheLastTokenAndInterest(t *testing.T) {
	p := newPoller(t, 8)
	user, s := registration.New()
	must(t, s.Set(R|W))
	_, w := pipe(t) // its writing end is writable
	for _, src := range []netpoll.Source{user, w} {
		must(t, p.Register(src, 1, R, level))
		must(t, p.Reregister(src, 1, R, level))
		must(t, p.Reregister(src, 2, W, level))
		p.told(event{2, W})
		must(t, p.Deregister(src))
		p.told()
	}
}

func TestRegisteredTwiceAndNotRegistered(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind) {
		p := newPoller(t, 8)
		src, ready := k.make(t)
		wantErr(t, "Reregister", p.Reregister(src, 1, R, edge), netpoll.ErrNotRegistered)
		wantErr(t, "Deregister", p.Deregister(src), netpoll.ErrNotRegistered)
		must(t, p.Register(src, 1, R, edge))
		wantErr(t, "Register", p.Register(src, 2, R, edge), netpoll.ErrAlreadyRegistered)
		must(t, p.Deregister(src))
		wantErr(t, "Deregister", p.Deregister(src), netpoll.ErrNotRegistered)
		must(t, p.Register(src, 3, R, edge))
		ready()
		p.told(event{3, R})
	})
}

// A custom source notes what it is asked and passes it on.
type custom struct {
	netpoll.Source
	calls []string
	err   error
}

func (c *custom) Register(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	c.calls = append(c.calls, "Register "+interest.String()+" "+opts.String())
	return errors.Join(c.Source.Register(p, token, interest, opts), c.err)
}

func (c *custom) Reregister(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	c.calls = append(c.calls, "Reregister "+interest.String()+" "+opts.String())
	return errors.Join(c.Source.Reregister(p, token, interest, opts), c.err)
}

func (c *custom) Deregister(p *netpoll.Poll) error {
	c.calls = append(c.calls, "Deregister")
	return errors.Join(c.Source.Deregister(p), c.err)
}

func TestCustomSourceGetsEachCallOnce(t *testing.T) {
	forKinds(t, func(t *testing.T, k kind) {
		p := newPoller(t, 8)
		src, ready := k.make(t)
		c := &custom{Source: src}
		ready()
		must(t, p.Register(c, 1, R, edge))
		p.told(event{1, R})
		must(t, p.Reregister(c, 2, R|W, edge|oneshot))
		p.told(event{2, R})
		must(t, p.Deregister(c))
		want := []string{"Register Readable Edge-Triggered", "Reregister Readable | Writable Edge-Triggered | OneShot", "Deregister"}
		if len(c.calls) != 3 || c.calls[0] != want[0] || c.calls[1] != want[1] || c.calls[2] != want[2] {
			t.Errorf("calls %q, want %q", c.calls, want)
		}
		c.err = errors.New("the source's own")
		wantErr(t, "Register", p.Register(c, 1, R, edge), c.err)
		wantErr(t, "Reregister", p.Reregister(c, 1, R, edge), c.err)
		wantErr(t, "Deregister", p.Deregister(c), c.err)
	})
}
