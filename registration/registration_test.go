package registration_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

func TestSetMakesOneEvent(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(123, R, edge)
	p.expect()
	must(t, s.Set(R))
	p.await(event{123, R})
	p.expect()
}

func TestSetWakesABlockedPoll(t *testing.T) {
	p := newPoller(t, 8)
	r, s := p.pair(1, R, edge)
	for range 200 {
		go s.Set(R)
		if got := p.poll(-1); len(got) != 1 || got[0].Token() != 1 {
			t.Fatalf("events %v", got)
		}
	}
	if n := r.Wakeups(); n > 200 {
		t.Errorf("%d wake-ups of 200 sleeps", n)
	}
}

func TestSetAfterAPollEndedWakesNobody(t *testing.T) {
	p := newPoller(t, 8)
	r, s := p.pair(1, R, edge)
	for range 3 {
		p.same(p.poll(time.Millisecond), nil)
		must(t, s.Set(R))
		p.expect(event{1, R})
	}
	if n := r.Wakeups(); n != 0 {
		t.Errorf("%d wake-ups while nobody slept", n)
	}
}

func TestSetBeforeRegisterFires(t *testing.T) {
	p := newPoller(t, 8)
	for i, opts := range []netpoll.PollOpt{0, level, edge, oneshot, edge | oneshot} {
		r, s := registration.New()
		must(t, s.Set(R|W))
		token := netpoll.Token(i)
		must(t, p.Register(r, token, W, opts))
		p.expect(event{token, W})
		must(t, r.Close())
	}
}

func TestSetBeforeRegisterWaitsForAMatchingInterest(t *testing.T) {
	p := newPoller(t, 8)
	r, s := registration.New()
	must(t, s.Set(R))
	must(t, p.Register(r, 1, W, edge))
	p.expect()
	must(t, p.Reregister(r, 2, R|W, edge))
	p.expect(event{2, R})
}

func TestReadinessIsTheLastValueSet(t *testing.T) {
	p := newPoller(t, 8)
	r, s := registration.New()
	is := func(want netpoll.Ready) {
		t.Helper()
		if got := s.Readiness(); got != want {
			t.Errorf("readiness %v, want %v", got, want)
		}
	}
	is(0)
	must(t, s.Set(R|W|netpoll.Hup))
	is(R | W | netpoll.Hup)
	must(t, p.Register(r, 1, R, edge|oneshot))
	is(R | W | netpoll.Hup)
	p.expect(event{1, R | netpoll.Hup})
	is(R | W | netpoll.Hup)
	must(t, s.Set(W))
	p.expect()
	is(W)
	must(t, p.Deregister(r))
	is(W)
	must(t, r.Close())
	is(W)
}

func TestCopiesOfSetReadinessMeanTheSameRegistration(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(1, R, edge)
	c := *s
	must(t, c.Set(R))
	if s.Readiness() != R {
		t.Error("the copy set something else")
	}
	p.expect(event{1, R})
}

func TestSetThenClearedIsNoEvent(t *testing.T) {
	p := newPoller(t, 8)
	for _, opts := range []netpoll.PollOpt{level, edge, oneshot} {
		r, s := p.pair(1, R, opts)
		must(t, s.Set(R))
		must(t, s.Set(0))
		p.expect()
		must(t, s.Set(R)) // and nothing was used up
		p.expect(event{1, R})
		must(t, r.Close())
	}
}

// A value that came and went puts the source in the queue; Poll must not take
// that for an event and return early.
func TestSetThenClearedDoesNotShortenAPoll(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(1, R, edge)
	must(t, s.Set(R))
	must(t, s.Set(0))
	const asked = 30 * time.Millisecond
	before := time.Now()
	p.same(p.poll(asked), nil)
	if took := time.Since(before); took < asked {
		t.Errorf("returned after %v, asked for %v", took, asked)
	}
}

func TestFinalValueCounts(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(1, R|W, edge)
	must(t, s.Set(R))
	must(t, s.Set(R|W))
	must(t, s.Set(W))
	p.expect(event{1, W})
	p.expect()
}

func TestSameValueAgainAfterDeliveryFiresAgain(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(1, R, edge)
	for range 3 {
		must(t, s.Set(R))
		p.expect(event{1, R})
		p.expect()
	}
}

func TestSetsBeforeDeliveryAreOneEvent(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(1, R, edge)
	for range 3 {
		must(t, s.Set(R))
	}
	p.expect(event{1, R})
	p.expect()
}

func TestReregisterWhileReadyAlwaysFires(t *testing.T) {
	p := newPoller(t, 8)
	for _, opts := range []netpoll.PollOpt{level, edge, oneshot, edge | oneshot, level | oneshot} {
		r, s := p.pair(1, R, opts)
		must(t, s.Set(R))
		p.expect(event{1, R})
		for range 3 { // also when nothing changes
			must(t, p.Reregister(r, 1, R, opts))
			p.expect(event{1, R})
		}
		must(t, r.Close())
	}
}

func TestReregisterToWhatIsNotReadyDropsThePendingEvent(t *testing.T) {
	p := newPoller(t, 8)
	for _, opts := range []netpoll.PollOpt{level, edge, oneshot} {
		r, s := p.pair(1, R, opts)
		must(t, s.Set(R))
		must(t, p.Reregister(r, 1, W, opts))
		p.expect()
		must(t, r.Close())
	}
}

func TestReregisterReplacesTokenInterestAndOptions(t *testing.T) {
	p := newPoller(t, 8)
	r, s := p.pair(1, R, level)
	must(t, s.Set(R|W))
	p.expect(event{1, R})
	must(t, p.Reregister(r, 2, W, edge))
	p.expect(event{2, W})
	p.expect() // not level any more
	must(t, p.Reregister(r, 3, R|W, level))
	p.expect(event{3, R | W})
	p.expect(event{3, R | W})
}

func TestOneShotFiresOnceUntilReregister(t *testing.T) {
	p := newPoller(t, 8)
	for _, opts := range []netpoll.PollOpt{oneshot, edge | oneshot, level | oneshot} {
		r, s := p.pair(1, R, opts)
		must(t, s.Set(R))
		p.expect(event{1, R})
		p.expect()
		must(t, s.Set(R))
		p.expect()
		must(t, s.Set(0))
		must(t, p.Reregister(r, 2, R, opts))
		p.expect()
		must(t, s.Set(R))
		p.expect(event{2, R})
		p.expect()
		must(t, r.Close())
	}
}

// An event that did not match does not use the one shot up.
func TestOneShotIsNotSpentOnAnotherReadiness(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(1, R, oneshot)
	must(t, s.Set(W))
	p.expect()
	must(t, s.Set(R))
	p.expect(event{1, R})
}

func TestLevelFiresAtEveryPollWhileReady(t *testing.T) {
	p := newPoller(t, 8)
	for _, opts := range []netpoll.PollOpt{0, level} {
		r, s := p.pair(1, R, opts)
		must(t, s.Set(R))
		for range 5 {
			p.same(p.poll(-1), []event{{1, R}}) // once a call, and never blocks
		}
		must(t, s.Set(W))
		p.expect()
		must(t, r.Close())
	}
}

func TestLevelSourceGoesToTheTail(t *testing.T) {
	p := newPoller(t, 1)
	var sets []*registration.SetReadiness
	for token := range netpoll.Token(3) {
		_, s := p.pair(token, R, level)
		sets = append(sets, s)
	}
	for _, s := range sets {
		must(t, s.Set(R))
	}
	for i := range 9 {
		p.expect(event{netpoll.Token(i % 3), R})
	}
}

func TestMoreEventsThanCapacityComeWithTheNextPolls(t *testing.T) {
	p := newPoller(t, 3)
	for token := range netpoll.Token(7) {
		_, s := p.pair(token, R, edge)
		must(t, s.Set(R))
	}
	p.expect(event{0, R}, event{1, R}, event{2, R})
	p.expect(event{3, R}, event{4, R}, event{5, R})
	p.expect(event{6, R})
	p.expect()
}

const allReady = R | W | netpoll.Error | netpoll.Hup | netpoll.ReadClosed | netpoll.WriteClosed | netpoll.Priority

func TestAllReadyBitsPassUnharmed(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(1, allReady, edge)
	for ready := netpoll.Ready(1); ready <= allReady; ready++ {
		must(t, s.Set(ready))
		if s.Readiness() != ready {
			t.Fatalf("readiness %v, want %v", s.Readiness(), ready)
		}
		p.expect(event{1, ready})
	}
}

// As with system sources: only Priority must be asked for.
func TestHintsComeUnasked(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(1, R, edge)
	must(t, s.Set(allReady))
	p.expect(event{1, allReady &^ (W | netpoll.Priority)})
	must(t, s.Set(netpoll.Hup))
	p.expect(event{1, netpoll.Hup})
	must(t, s.Set(W|netpoll.Priority))
	p.expect()
}

func TestEmptyInterestGetsNothing(t *testing.T) {
	p := newPoller(t, 8)
	r, s := p.pair(1, 0, level)
	must(t, s.Set(allReady))
	p.expect()
	must(t, p.Reregister(r, 2, R, edge))
	p.expect(event{2, allReady &^ (W | netpoll.Priority)})
	must(t, p.Reregister(r, 3, 0, level))
	p.expect()
}

func TestDeregisterDropsThePendingEvent(t *testing.T) {
	p := newPoller(t, 8)
	for _, opts := range []netpoll.PollOpt{level, edge, oneshot} {
		r, s := p.pair(1, R, opts)
		must(t, s.Set(R))
		must(t, p.Deregister(r))
		p.expect()
		must(t, s.Set(W)) // kept until it is registered again
		p.expect()
		must(t, p.Register(r, 2, R|W, opts))
		p.expect(event{2, W})
		must(t, r.Close())
	}
}

func TestRegisteringErrorsAreThoseOfSystemSources(t *testing.T) {
	p, other := newPoller(t, 8), newPoller(t, 8)
	r, _ := registration.New()
	wantErr(t, "Reregister before Register", p.Reregister(r, 1, R, edge), netpoll.ErrNotRegistered)
	wantErr(t, "Deregister before Register", p.Deregister(r), netpoll.ErrNotRegistered)
	// Straight to the source as well: the checks are not Poll.Register's alone.
	for what, register := range map[string]func(*netpoll.Poll, netpoll.Token, netpoll.Ready, netpoll.PollOpt) error{
		"Register": r.Register, "Reregister": r.Reregister,
	} {
		wantErr(t, what+" with the reserved token", register(p.Poll, netpoll.ReservedToken, R, edge), netpoll.ErrReservedToken)
		wantErr(t, what+" with both triggers", register(p.Poll, 1, R, edge|level), netpoll.ErrInvalidOptions)
		wantErr(t, what+" with an unknown option", register(p.Poll, 1, R, 1<<7), netpoll.ErrInvalidOptions)
	}
	must(t, p.Register(r, 1, R, edge))
	wantErr(t, "Register twice", p.Register(r, 2, R, edge), netpoll.ErrAlreadyRegistered)
	for _, after := range []string{"", " after Deregister", " after the first Poll was closed"} {
		wantErr(t, "Register elsewhere"+after, other.Register(r, 1, R, edge), netpoll.ErrOtherPoll)
		wantErr(t, "Reregister elsewhere"+after, other.Reregister(r, 1, R, edge), netpoll.ErrOtherPoll)
		wantErr(t, "Deregister elsewhere"+after, other.Deregister(r), netpoll.ErrOtherPoll)
		switch after {
		case "":
			must(t, p.Deregister(r))
			wantErr(t, "Deregister twice", p.Deregister(r), netpoll.ErrNotRegistered)
			wantErr(t, "Reregister after Deregister", p.Reregister(r, 1, R, edge), netpoll.ErrNotRegistered)
		case " after Deregister":
			must(t, p.Register(r, 3, R, edge))
			must(t, p.Close())
			wantErr(t, "Reregister with a closed Poll", p.Reregister(r, 1, R, edge), os.ErrClosed)
			wantErr(t, "Deregister with a closed Poll", p.Deregister(r), os.ErrClosed)
		}
	}
}

// A failed Register leaves the source free for any Poll.
func TestFailedRegisterDoesNotBind(t *testing.T) {
	p, other := newPoller(t, 8), newPoller(t, 8)
	r, s := registration.New()
	must(t, other.Close())
	wantErr(t, "Register with a closed Poll", other.Register(r, 1, R, edge), os.ErrClosed)
	must(t, p.Register(r, 1, R, edge))
	must(t, s.Set(R))
	p.expect(event{1, R})
}

func TestNoGoroutinesOfItsOwn(t *testing.T) {
	p := newPoller(t, 64)
	p.expect()
	before := runtime.NumGoroutine()
	for token := range netpoll.Token(1000) {
		_, s := p.pair(token, R, level)
		must(t, s.Set(R))
	}
	p.poll(0)
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

func TestSetAndEventAllocateNothing(t *testing.T) {
	p := newPoller(t, 8)
	r, s := p.pair(1, R, edge)
	allocs := testing.AllocsPerRun(1000, func() {
		s.Set(R)
		p.Poll.Poll(p.events, 0)
		if p.events.Len() != 1 {
			t.Fatal("no event")
		}
		p.Reregister(r, 1, W, edge|oneshot)
		p.Reregister(r, 1, R, edge)
		p.Poll.Poll(p.events, -1)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
