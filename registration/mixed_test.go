package registration_test

import (
	"testing"
)

// Set while the Poll waits for system sources too.
func TestSetAndSystemEventInOnePoll(t *testing.T) {
	p := newPoller(t, 8)
	_, s := p.pair(1, R, edge)
	r, w := pipe(t)
	must(t, p.Register(r, 2, R, edge))
	fill(t, w)
	must(t, s.Set(R))
	p.told(event{1, R}, event{2, R})
}

func TestMixingChannelWithSystemSource(t *testing.T) {
	p := newPoller(t, 8)
	c := p.channel(4, R, edge)
	r, w := pipe(t)
	must(t, p.Register(r, 1, R, edge))
	for v := range 50 {
		must(t, c.Send(v))
		p.await(event{123, R})
		fill(t, w)
		p.await(event{1, R})
		receives(t, c, v)
		drain(t, r)
		p.told()
		fill(t, w)
		must(t, c.Send(v))
		p.told(event{123, R}, event{1, R})
		receives(t, c, v)
		drain(t, r)
		p.told()
	}
}
