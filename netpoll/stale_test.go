package netpoll_test

import (
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
)

func TestRegisterThenCloseLeavesNothing(t *testing.T) {
	p := newPoller(t)
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge} {
		a, b := connectTCP(t)
		p.register(a.source(), 1, R|W, opts)
		b.write([]byte("x"))
		a.closeFor(b)
		p.silent("closed")
	}
}

// A number that is used again is a new source: it needs a Register of its own,
// and never gets what its predecessor was registered for.
func TestReusedNumberGetsNoOldEvents(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge} {
		t.Run(opts.String(), func(t *testing.T) {
			p := newPoller(t)
			old, oldPeer := connectTCP(t)
			fresh, peer := connectTCP(t)
			number := old.source()
			p.register(number, 1, R|W, opts)
			p.expect(1, W)
			old.closeFor(oldPeer)
			again := fresh.reuse(number)
			peer.write([]byte("x"))
			p.quiet("the number was not registered again")
			mustMatch(t, "Reregister", p.Reregister(number, 2, R, opts), netpoll.ErrNotRegistered)
			p.register(number, 3, R, opts)
			p.expect(3, R)
			p.deregister(number)
			p.silent("deregistered")
			again.close()
		})
	}
}

// With the old registration forgotten, as owners do before they close, nothing
// of it is left although a duplicate keeps the old file open.
func TestReusedNumberWithADuplicateOpen(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge} {
		t.Run(opts.String(), func(t *testing.T) {
			p := newPoller(t)
			old, oldPeer := connectTCP(t)
			fresh, peer := connectTCP(t)
			number := old.source()
			slot, err := p.Attach(uintptr(number), 1, R|W, opts)
			if err != nil {
				t.Fatal(err)
			}
			p.expect(1, W)
			dup := old.dup()
			if err := p.Forget(slot); err != nil {
				t.Fatal(err)
			}
			old.close()
			again := fresh.reuse(number)
			p.register(number, 2, R, opts)
			oldPeer.write([]byte("for the old one"))
			p.silent("only the duplicate can read")
			peer.write([]byte("x"))
			p.expect(2, R)
			again.readAll()
			for range 100 { // for as long as it takes to get rid of what the old one left
				oldPeer.write([]byte("x"))
				p.quiet("only the duplicate can read")
			}
			peer.write([]byte("y"))
			p.expect(2, R)
			p.deregister(number)
			dup.close()
			again.close()
		})
	}
}

// Starting anew keeps what was registered as it was: tokens, interests, and
// one-shot sources that are spent.
func TestLeftoversDoNotDisturbOthers(t *testing.T) {
	p := newPoller(t)
	oneshot, _ := connectTCP(t)
	p.register(oneshot.source(), 1, W, netpoll.Level|netpoll.OneShot)
	p.expect(1, W)
	armed, armedPeer := connectTCP(t)
	p.register(armed.source(), 2, R, netpoll.Edge|netpoll.OneShot)
	level, levelPeer := connectTCP(t)
	p.register(level.source(), 3, R, netpoll.Level)
	empty, emptyPeer := connectTCP(t)
	p.register(empty.source(), 4, 0, netpoll.Level)
	emptyPeer.write([]byte("x"))
	for range 5 {
		a, b := connectTCP(t)
		b.write([]byte("x"))
		slot, err := p.Attach(uintptr(a.fd), 9, R, netpoll.Level)
		if err != nil {
			t.Fatal(err)
		}
		a.dup() // stays open
		p.Forget(slot)
		a.close()
		if got := p.wait(10 * time.Millisecond); got != nil {
			t.Fatalf("events %v", got)
		}
		if got := p.waitFor(1, 0); got != nil {
			t.Fatalf("events %v", got)
		}
	}
	armedPeer.write([]byte("x"))
	p.expect(2, R)
	p.silent("told once")
	levelPeer.write([]byte("x"))
	p.expect(3, R)
	p.expect(3, R)
	p.deregister(level.source())
	p.reregister(oneshot.source(), 5, W, netpoll.Level|netpoll.OneShot)
	p.expect(5, W)
	p.deregister(armed.source())
	p.deregister(empty.source())
	p.deregister(oneshot.source())
	p.silent("all are deregistered")
}
