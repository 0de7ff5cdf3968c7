package registration_test

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

func TestConcurrentRegisterSucceedsOnce(t *testing.T) {
	p := newPoller(t, 8)
	for range 200 {
		r, s := registration.New()
		must(t, s.Set(R))
		outcome := func(what string, refused error, f func(i int) error) (winner int) {
			t.Helper()
			var all sync.WaitGroup
			errs := make([]error, 4)
			for i := range errs {
				all.Go(func() { errs[i] = f(i) })
			}
			all.Wait()
			winner = -1
			for i, err := range errs {
				if err == nil && winner < 0 {
					winner = i
				} else {
					wantErr(t, what, err, refused)
				}
			}
			if winner < 0 {
				t.Fatalf("%s: nobody succeeded", what)
			}
			return winner
		}
		token := outcome("Register", netpoll.ErrAlreadyRegistered, func(i int) error {
			return p.Register(r, netpoll.Token(i), R, edge)
		})
		p.expect(event{netpoll.Token(token), R})
		outcome("Deregister", netpoll.ErrNotRegistered, func(int) error { return p.Deregister(r) })
		outcome("Close", os.ErrClosed, func(int) error { return r.Close() })
	}
}

// Token 1 goes with R, token 2 with W, and so on: an event that mixes two
// updates would show.
func TestConcurrentReregistersAreAllAppliedWhole(t *testing.T) {
	p := newPoller(t, 8)
	interests := []netpoll.Ready{R, W, R | W, R | netpoll.Priority}
	r, s := p.pair(0, interests[0], level)
	must(t, s.Set(R|W|netpoll.Priority))
	var updaters sync.WaitGroup
	for i, interest := range interests {
		updaters.Go(func() {
			for range 5000 {
				if err := p.Reregister(r, netpoll.Token(i), interest, level); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		updaters.Wait()
		close(done)
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		got := p.poll(limit)
		if len(got) != 1 {
			t.Fatalf("%d events at once", len(got))
		}
		if e := got[0]; e.Readiness() != interests[e.Token()] {
			t.Fatalf("token %d came with %v, registered with %v", e.Token(), e.Readiness(), interests[e.Token()])
		}
	}
}

// After Deregister returned, Poll calls that begin do not know the token.
func TestFormerTokenNeverComes(t *testing.T) {
	p := newPoller(t, 8)
	r, s := registration.New()
	must(t, s.Set(R))
	stop := make(chan struct{})
	var setter sync.WaitGroup
	setter.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.Set(R)
			}
		}
	})
	defer setter.Wait()
	defer close(stop)
	for token := range netpoll.Token(5000 / crossings) {
		must(t, p.Register(r, token, R, level))
		p.await(event{token, R})
		if token%2 == 0 {
			must(t, p.Reregister(r, token+1e6, R, edge))
			p.await(event{token + 1e6, R})
		}
		must(t, p.Deregister(r))
		p.expect()
	}
}

func TestWritesBeforeSetAreVisibleToTheReceiver(t *testing.T) {
	p := newPoller(t, 8)
	const senders, rounds = 2, 3000 / crossings
	var written [senders]int // plain memory: the race detector watches
	var back [senders]chan struct{}
	var all sync.WaitGroup
	for i := range senders {
		_, s := p.pair(netpoll.Token(i), R, edge)
		back[i] = make(chan struct{})
		all.Go(func() {
			for n := range rounds {
				written[i] = n + 1
				s.Set(R)
				<-back[i]
			}
		})
	}
	for seen := [senders]int{}; seen != [senders]int{rounds, rounds}; {
		for _, e := range p.poll(limit) {
			i := e.Token()
			if seen[i]++; written[i] != seen[i] {
				t.Fatalf("read %d at event %d", written[i], seen[i])
			}
			back[i] <- struct{}{}
		}
	}
	all.Wait()
}

// A poller that is woken and finds that the value is gone again goes on
// waiting.
func TestWokenForNothingKeepsTheTimeout(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(1, R, edge)
	stop := make(chan struct{})
	var setter sync.WaitGroup
	setter.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.Set(R)
				s.Set(0)
				runtime.Gosched()
			}
		}
	})
	const asked = 2 * time.Millisecond
	for range 50 {
		before := time.Now()
		if events := p.poll(asked); len(events) == 0 && time.Since(before) < asked {
			t.Errorf("returned without events after %v, asked for %v", time.Since(before), asked)
		}
	}
	close(stop)
	setter.Wait()
}
