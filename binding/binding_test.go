package binding_test

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
)

func newPoll(t *testing.T) *netpoll.Poll {
	t.Helper()
	p, err := netpoll.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// expectTokens polls until there was an event of each of these tokens, and fails
// the test for those of others. Where events are not on their way it polls once.
func expectTokens(t testing.TB, p *netpoll.Poll, want ...netpoll.Token) {
	t.Helper()
	events := netpoll.NewEvents(16)
	var got []netpoll.Token
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := p.Poll(events, onItsWay); err != nil {
			t.Fatal(err)
		}
		for ev := range events.All() {
			if !slices.Contains(got, ev.Token()) {
				got = append(got, ev.Token())
			}
		}
		if slices.Sort(got); slices.Equal(got, want) {
			return
		}
		if len(got) >= len(want) || onItsWay == 0 || time.Now().After(deadline) {
			t.Fatalf("tokens %v, want %v", got, want)
		}
	}
}

// expectNone fails the test if there is an event, or one on its way.
func expectNone(t testing.TB, p *netpoll.Poll) {
	t.Helper()
	events := netpoll.NewEvents(16)
	if _, err := p.Poll(events, onItsWay); err != nil {
		t.Fatal(err)
	}
	for ev := range events.All() {
		t.Errorf("an event with the token %d, want none", ev.Token())
	}
}

func mustMatch(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func TestBlankBindingIsNotRegistered(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	mustMatch(t, "Reregister", p.Reregister(o, 1, netpoll.Readable, 0), netpoll.ErrNotRegistered)
	mustMatch(t, "Deregister", p.Deregister(o), netpoll.ErrNotRegistered)
	must(t, "Release", o.Release())
	o.Forget()
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
}

func TestRegisteringTwiceIsRefused(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	mustMatch(t, "second Register", p.Register(o, 2, netpoll.Readable, 0), netpoll.ErrAlreadyRegistered)
	o.ready(t)
	expectTokens(t, p, 1)
}

func TestSecondPollIsRefusedByEveryCall(t *testing.T) {
	p, other, o := newPoll(t), newPoll(t), newObject(t)
	refused := func(state string) {
		t.Helper()
		mustMatch(t, state+": Register", other.Register(o, 1, netpoll.Readable, 0), netpoll.ErrOtherPoll)
		mustMatch(t, state+": Reregister", other.Reregister(o, 1, netpoll.Readable, 0), netpoll.ErrOtherPoll)
		mustMatch(t, state+": Deregister", other.Deregister(o), netpoll.ErrOtherPoll)
	}
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	refused("registered")
	must(t, "Deregister", p.Deregister(o))
	refused("deregistered")
	must(t, "Register again", p.Register(o, 1, netpoll.Readable, 0))
	must(t, "Close", p.Close())
	refused("first Poll closed")
}

func TestReregisteredTokenIsDelivered(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, netpoll.Edge))
	o.ready(t)
	must(t, "Reregister", p.Reregister(o, 2, netpoll.Readable, netpoll.Edge))
	expectTokens(t, p, 2)
}

func TestNothingIsDeliveredAfterDeregisterAndForget(t *testing.T) {
	p, a, b := newPoll(t), newObject(t), newObject(t)
	must(t, "Register", p.Register(a, 1, netpoll.Readable, 0))
	must(t, "Register", p.Register(b, 2, netpoll.Readable, 0))
	a.ready(t)
	b.ready(t)
	must(t, "Deregister", p.Deregister(a))
	b.Forget()
	expectNone(t, p)
	mustMatch(t, "Deregister again", p.Deregister(a), netpoll.ErrNotRegistered)
	mustMatch(t, "Deregister after Forget", p.Deregister(b), netpoll.ErrNotRegistered)
}

func TestReleaseLetsAnotherPollHaveTheObject(t *testing.T) {
	p, other, o := newPoll(t), newPoll(t), newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	mustMatch(t, "Release while registered", o.Release(), netpoll.ErrAlreadyRegistered)
	must(t, "Deregister", p.Deregister(o))
	must(t, "Release", o.Release())
	must(t, "Register with another Poll", other.Register(o, 2, netpoll.Readable, 0))
	o.ready(t)
	expectTokens(t, other, 2)
}

func TestPollMayCloseBeforeItsObjects(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	must(t, "Close", p.Close())
	mustMatch(t, "Reregister", p.Reregister(o, 1, netpoll.Readable, 0), os.ErrClosed)
	mustMatch(t, "Deregister", p.Deregister(o), os.ErrClosed)
	must(t, "Release", o.Release())
	other := newPoll(t)
	must(t, "Register with another Poll", other.Register(o, 1, netpoll.Readable, 0))
	must(t, "Close", o.Close())
}

func TestBindingKeepsItsPollAlive(t *testing.T) {
	collected := make(chan struct{})
	o := newObject(t)
	func() {
		p := collectablePoll(t)
		runtime.AddCleanup(p, func(ch chan struct{}) { close(ch) }, collected)
		must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	}()
	for range 3 {
		runtime.GC()
	}
	select {
	case <-collected:
		t.Error("the Poll of a registered object was collected")
	default:
	}
	o.Forget()
	must(t, "Release", o.Release())
	for {
		runtime.GC()
		select {
		case <-collected:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// collectablePoll returns a Poll that nothing else refers to.
func collectablePoll(t *testing.T) *netpoll.Poll {
	t.Helper()
	p, err := netpoll.New()
	must(t, "New", err)
	return p
}

// Of two Polls that register an object at the same time exactly one gets it.
func TestConcurrentRegisterWithTwoPollsHasOneWinner(t *testing.T) {
	polls := [2]*netpoll.Poll{newPoll(t), newPoll(t)}
	for range 200 {
		o := newObject(t)
		var errs [2]error
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i, p := range polls {
			wg.Go(func() {
				<-start
				errs[i] = p.Register(o, netpoll.Token(i), netpoll.Readable, 0)
			})
		}
		close(start)
		wg.Wait()
		won, lost := errs[0], errs[1]
		if won != nil {
			won, lost = lost, won
		}
		if won != nil || !errors.Is(lost, netpoll.ErrOtherPoll) {
			t.Fatalf("errors %v and %v, want none and ErrOtherPoll", errs[0], errs[1])
		}
		o.Close()
		o.peer.Close()
	}
}

// Concurrent updates are all applied: as many Registers as Deregisters
// succeed, and what was done last is what counts.
func TestConcurrentUpdatesAreAllApplied(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	o.ready(t)
	done := make(chan struct{})
	var poller sync.WaitGroup
	poller.Go(func() {
		events := netpoll.NewEvents(4)
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := p.Poll(events, time.Millisecond); err != nil {
				t.Error(err)
				return
			}
			for ev := range events.All() {
				if ev.Token() >= 4 {
					t.Errorf("token %d", ev.Token())
				}
			}
		}
	})
	var mu sync.Mutex
	registered, deregistered := 0, 0
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for range updates {
				r := p.Register(o, netpoll.Token(g), netpoll.Readable, netpoll.Level)
				u := p.Reregister(o, netpoll.Token(g), netpoll.Readable, netpoll.Edge)
				d := p.Deregister(o)
				for what, err := range map[string]error{"Register": r, "Reregister": u, "Deregister": d} {
					if err != nil && !errors.Is(err, netpoll.ErrAlreadyRegistered) && !errors.Is(err, netpoll.ErrNotRegistered) {
						t.Errorf("%s: %v", what, err)
					}
				}
				mu.Lock()
				if r == nil {
					registered++
				}
				if d == nil {
					deregistered++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	close(done)
	p.Wake()
	poller.Wait()
	if registered != deregistered || registered == 0 {
		t.Errorf("%d Registers and %d Deregisters succeeded, want the same number", registered, deregistered)
	}
	expectNone(t, p)
	must(t, "Register", p.Register(o, 9, netpoll.Readable, netpoll.Level))
	expectTokens(t, p, 9)
}

// After Rearm the next readiness is an event, however quickly it comes.
func TestRearmAsksForTheNextEvent(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	var want error
	if netpoll.NeedsRearm {
		want = netpoll.ErrNotRegistered
	}
	mustMatch(t, "Rearm of what is not registered", o.Rearm(netpoll.Readable), want)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, netpoll.Edge))
	for range 50 {
		o.ready(t)
		expectTokens(t, p, 1)
		o.drain(t)
		must(t, "Rearm", o.Rearm(netpoll.Readable))
	}
}

func TestClosedObjectIsNotRegistered(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	must(t, "Close", o.fd.Close()) // without Forget
	mustMatch(t, "Reregister", p.Reregister(o, 1, netpoll.Readable, 0), os.ErrClosed)
	mustMatch(t, "Deregister", p.Deregister(o), os.ErrClosed)
	must(t, "Release", o.Release())
	mustMatch(t, "Register", p.Register(o, 1, netpoll.Readable, 0), os.ErrClosed)
}
