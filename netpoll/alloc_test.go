package netpoll_test

import (
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/netpoll"
)

// An event costs no memory, whatever the trigger, nor does a wake-up or a
// timeout.
func TestPollAllocatesNothing(t *testing.T) {
	p := newPoller(t)
	r, w := connectTCP(t)
	events := netpoll.NewEvents(8)
	poll := func(timeout time.Duration, want int) {
		if n, err := p.Poll.Poll(events, timeout); n != want || err != nil {
			t.Fatalf("Poll: %d, %v; want %d", n, err, want)
		}
	}
	b := make([]byte, 1)
	exchange := func(opts netpoll.PollOpt) func() {
		return func() {
			sys.Write(w.fd, b)
			poll(-1, 1)
			if ev := events.At(0); ev.Token() != 1 || ev.Readiness() != R {
				t.Fatalf("event %v", ev)
			}
			sys.Read(r.fd, b)
			if opts&netpoll.OneShot != 0 {
				p.reregister(r.source(), 1, R, opts)
			} else {
				poll(0, 0)
			}
		}
	}
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge, netpoll.Level | netpoll.OneShot} {
		p.register(r.source(), 1, R, opts)
		if n := testing.AllocsPerRun(200, exchange(opts)); n != 0 {
			t.Errorf("%v: %v allocations an event, want none", opts, n)
		}
		p.deregister(r.source())
	}
	if n := testing.AllocsPerRun(200, func() {
		p.Wake()
		poll(-1, 0)
	}); n != 0 {
		t.Errorf("%v allocations a wake-up, want none", n)
	}
	if n := testing.AllocsPerRun(20, func() { poll(100*time.Microsecond, 0) }); n != 0 {
		t.Errorf("%v allocations a timeout, want none", n)
	}
}

func TestAttachAllocatesNothing(t *testing.T) {
	p := newPoller(t)
	r, _ := connectTCP(t)
	if n := testing.AllocsPerRun(200, func() {
		slot, err := p.Attach(uintptr(r.fd), 1, R, netpoll.Edge)
		if err == nil {
			slot, err = p.Update(slot, 2, R, netpoll.Level)
		}
		if err == nil {
			err = p.Detach(slot)
		}
		if err != nil {
			t.Fatal(err)
		}
	}); n > perRegistration {
		t.Errorf("%v allocations a registration, want at most %d", n, perRegistration)
	}
}
