package netpoll_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
)

// The suite says what every selector does. It runs against the one that the
// build has: see selector.go for the build tags.

const (
	R = netpoll.Readable
	W = netpoll.Writable
)

// patience is how long an event may take before a test fails.
const patience = time.Minute

// A poller is a Poll under test.
type poller struct {
	*netpoll.Poll
	t    testing.TB
	last atomic.Int64 // when the last event came
}

func newPoller(t testing.TB) *poller {
	t.Helper()
	return &poller{Poll: newPoll(t), t: t}
}

func newPoll(t testing.TB) *netpoll.Poll {
	t.Helper()
	p, err := netpoll.New()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("no Poll on this system: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// wait polls once with room for 64 events.
func (p *poller) wait(timeout time.Duration) []netpoll.Event {
	p.t.Helper()
	return p.waitFor(64, timeout)
}

// waitFor polls once with room for capacity events.
func (p *poller) waitFor(capacity int, timeout time.Duration) []netpoll.Event {
	p.t.Helper()
	events := netpoll.NewEvents(capacity)
	n, err := p.Poll.Poll(events, timeout)
	if err != nil {
		p.t.Fatalf("Poll: %v", err)
	}
	if n != events.Len() || n > capacity {
		p.t.Fatalf("Poll returned %d and stored %d events with room for %d", n, events.Len(), capacity)
	}
	var list []netpoll.Event
	for ev := range events.All() {
		list = append(list, ev)
	}
	if len(list) > 0 {
		p.last.Store(time.Now().UnixNano())
	}
	return list
}

// expect polls until token's events have told all of ready, and returns what
// they told. Events of other tokens fail the test.
func (p *poller) expect(token netpoll.Token, ready netpoll.Ready) netpoll.Ready {
	p.t.Helper()
	var got netpoll.Ready
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		for _, ev := range p.wait(time.Until(deadline)) {
			if ev.Token() != token {
				p.t.Fatalf("event of token %d, %v; want token %d", ev.Token(), ev.Readiness(), token)
			}
			got |= ev.Readiness()
		}
		if got.Contains(ready) {
			return got
		}
	}
	p.t.Fatalf("token %d became %v, want %v", token, got, ready)
	return 0
}

// gather polls until every token in want has told its readiness. Events of
// other tokens fail the test.
func (p *poller) gather(want map[netpoll.Token]netpoll.Ready) {
	p.t.Helper()
	got := map[netpoll.Token]netpoll.Ready{}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		for _, ev := range p.wait(time.Until(deadline)) {
			if _, ok := want[ev.Token()]; !ok {
				p.t.Fatalf("event of token %d, %v", ev.Token(), ev.Readiness())
			}
			got[ev.Token()] |= ev.Readiness()
		}
		done := true
		for token, ready := range want {
			done = done && got[token].Contains(ready)
		}
		if done {
			return
		}
	}
	p.t.Fatalf("tokens became %v, want %v", got, want)
}

// quiet polls without blocking and expects no event. A selector that repeats
// edges is forgiven one whose time has come.
func (p *poller) quiet(when string) {
	p.t.Helper()
	last := time.Unix(0, p.last.Load())
	for _, ev := range p.wait(0) {
		if netpoll.EdgeRepeats == 0 || time.Since(last) < netpoll.EdgeRepeats {
			p.t.Fatalf("%s: event of token %d, %v", when, ev.Token(), ev.Readiness())
		}
	}
}

// silent is quiet for sources whose events never repeat.
func (p *poller) silent(when string) {
	p.t.Helper()
	for _, ev := range p.wait(0) {
		p.t.Fatalf("%s: event of token %d, %v", when, ev.Token(), ev.Readiness())
	}
}

func (p *poller) register(src netpoll.Source, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) {
	p.t.Helper()
	if err := p.Register(src, token, interest, opts); err != nil {
		p.t.Fatalf("Register: %v", err)
	}
}

func (p *poller) reregister(src netpoll.Source, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) {
	p.t.Helper()
	if err := p.Reregister(src, token, interest, opts); err != nil {
		p.t.Fatalf("Reregister: %v", err)
	}
}

func (p *poller) deregister(src netpoll.Source) {
	p.t.Helper()
	if err := p.Deregister(src); err != nil {
		p.t.Fatalf("Deregister: %v", err)
	}
}

func mustMatch(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// connectTCP returns the two ends of a connection over l.
func connectTCP(t testing.TB) (client, server *socket) {
	t.Helper()
	l := listenTCP(t)
	defer l.close()
	client = dialTCP(t, l.local())
	server = acceptTCP(t, l)
	return client, server
}

// acceptTCP waits for a connection to l with a Poll of its own.
func acceptTCP(t testing.TB, l *socket) *socket {
	t.Helper()
	p := newPoller(t)
	defer p.Close()
	p.register(l.source(), 1, R, netpoll.Level)
	for {
		s, err := l.accept()
		if err == nil {
			return s
		}
		p.expect(1, R)
	}
}

// closeFor closes s and waits until its peer reads the end. Another thread may
// be looking at s at this moment, such as the one that Go's own poller runs on;
// the system closes s when that has let go of it.
func (s *socket) closeFor(peer *socket) {
	s.t.Helper()
	s.close()
	p := newPoller(s.t)
	defer p.Close()
	p.register(peer.source(), 1, R, netpoll.Level)
	for {
		p.expect(1, R)
		if _, err := peer.tryRead(make([]byte, 64)); err != errAgain {
			return // the end, or a reset if s had something left to read
		}
	}
}
