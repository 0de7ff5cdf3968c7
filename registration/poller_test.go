package registration_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

const (
	R = netpoll.Readable
	W = netpoll.Writable

	edge    = netpoll.Edge
	level   = netpoll.Level
	oneshot = netpoll.OneShot

	// limit ends a wait for something that must come.
	limit = 2 * time.Minute
)

// A poller is a Poll with the Events that it fills.
type poller struct {
	*netpoll.Poll
	t      testing.TB
	events *netpoll.Events
}

func newPoller(t testing.TB, capacity int) *poller {
	t.Helper()
	p, err := netpoll.New()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("no Poll on this system: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return &poller{p, t, netpoll.NewEvents(capacity)}
}

// poll returns the events of one Poll call.
func (p *poller) poll(timeout time.Duration) []netpoll.Event {
	p.t.Helper()
	n, err := p.Poll.Poll(p.events, timeout)
	if err != nil {
		p.t.Fatal("Poll:", err)
	}
	events := slices.Collect(p.events.All())
	if len(events) != n {
		p.t.Fatalf("Poll returned %d and stored %d events", n, len(events))
	}
	return events
}

// An event is what one is expected to be.
type event struct {
	token netpoll.Token
	ready netpoll.Ready
}

// expect polls once without waiting and demands exactly these events.
func (p *poller) expect(want ...event) {
	p.t.Helper()
	p.same(p.poll(0), want)
}

// await polls once, waiting, and demands exactly these events.
func (p *poller) await(want ...event) {
	p.t.Helper()
	p.same(p.poll(limit), want)
}

func (p *poller) same(got []netpoll.Event, want []event) {
	p.t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = event{got[i].Token(), got[i].Readiness()} == want[i]
	}
	if !ok {
		p.t.Fatalf("events %v, want %v", got, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair returns a pair whose first half is registered with p.
func (p *poller) pair(token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) (*registration.Registration, *registration.SetReadiness) {
	p.t.Helper()
	r, s := registration.New()
	must(p.t, p.Register(r, token, interest, opts))
	return r, s
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// within fails the test when f is not done in time.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("%s: not done after %v", what, limit)
	}
}
