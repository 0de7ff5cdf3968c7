//go:build unix

package registration_test

import (
	"testing"

	"github.com/moor-net/moor/netpoll"
)

// What these tests are about, whose turn it is among sources that are all ready,
// takes a system that knows of its sources at once. On Windows each readiness is a
// packet, which may still be on its way.

// All sources are ready all the time: in any number of Polls each kind gets
// half of the slots, and within a kind each source its part.
func TestSystemAndUserSourcesShareTheSlots(t *testing.T) {
	const each = 6 // sources of each kind
	for capacity := 1; capacity <= each; capacity++ {
		p := newPoller(t, capacity)
		for token := range netpoll.Token(each) {
			r, w := pipe(t)
			fill(t, w)
			must(t, p.Register(r, token, R, level))
			_, s := p.pair(each+token, R, level)
			must(t, s.Set(R))
		}
		seen := map[netpoll.Token]int{}
		const polls = 2 * each
		for range polls {
			got := p.poll(-1)
			if len(got) != capacity {
				t.Fatalf("capacity %d: %d events", capacity, len(got))
			}
			for _, e := range got {
				seen[e.Token()]++
			}
		}
		for token := range netpoll.Token(2 * each) {
			if n := seen[token]; n != capacity {
				t.Errorf("capacity %d: token %d came %d times in %d polls, want %d", capacity, token, n, polls, capacity)
			}
		}
	}
}

func TestWhatOneKindLeavesOverTheOtherGets(t *testing.T) {
	p := newPoller(t, 5)
	for token := range netpoll.Token(4) {
		_, s := p.pair(token, R, edge)
		must(t, s.Set(R))
	}
	r, w := pipe(t)
	fill(t, w)
	must(t, p.Register(r, 9, R, edge))
	if got := p.poll(0); len(got) != 5 {
		t.Errorf("4 user and 1 system source ready, %d of 5 events", len(got))
	}
}

// A busy producer keeps the queue from ever being empty; the system is asked
// all the same.
func TestBusyProducerDoesNotHideSystemSources(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{edge, level} {
		p := newPoller(t, 1)
		_, s := p.pair(1, R, opts)
		r, w := pipe(t)
		must(t, p.Register(r, 2, R, edge))
		for range 100 {
			fill(t, w)
			system := 0
			for range 4 {
				must(t, s.Set(R))
				for _, e := range p.poll(-1) {
					if e.Token() == 2 {
						system++
						drain(t, r)
					}
				}
			}
			if system != 1 {
				t.Fatalf("%v: the system source came %d times in 4 polls", opts, system)
			}
		}
	}
}
