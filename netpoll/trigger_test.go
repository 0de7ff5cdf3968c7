package netpoll_test

import (
	"io"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
)

func TestEdgeIsToldOnceAndAgainAfterDraining(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	for range 20 {
		b.write([]byte("x"))
		p.expect(1, R)
		p.quiet("told, not read")
		if data, err := a.readAll(); string(data) != "x" || err != errAgain {
			t.Fatalf("read %q, %v", data, err)
		}
		p.quiet("drained")
	}
}

// Data that comes before the next Poll, after the read that would block, is
// told.
func TestEdgeBetweenWouldBlockAndPoll(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	b.write([]byte("x"))
	for range 5 {
		p.expect(1, R)
		a.readAll()
		b.write([]byte("x"))
	}
	p.expect(1, R)
}

// Who drains on another goroutine, while Poll is blocked, gets the next edge.
func TestEdgeAfterDrainingDuringPoll(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	const rounds = 5
	drain, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		b.write([]byte("x"))
		for range rounds {
			<-drain
			a.readAll()
			b.write([]byte("x"))
		}
	}()
	for range rounds {
		p.expect(1, R)
		drain <- struct{}{}
	}
	p.expect(1, R)
	<-done
}

// Rearm asks for the next event, which comes at once.
func TestRearmAfterWouldBlock(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R|W, netpoll.Edge)
	p.expect(1, W)
	for range 50 {
		b.write([]byte("x"))
		p.expect(1, R)
		if _, err := a.readAll(); err != errAgain {
			t.Fatal(err)
		}
		if err := a.source().Rearm(p.Poll, R); err != nil {
			t.Fatal(err)
		}
	}
	mustMatchIf(t, netpoll.NeedsRearm, "Rearm of another source", b.source().Rearm(p.Poll, R), netpoll.ErrNotRegistered)
}

func mustMatchIf(t testing.TB, condition bool, what string, got, want error) {
	t.Helper()
	if !condition {
		want = nil
	}
	mustMatch(t, what, got, want)
}

// A source for which Rearm is called is not told again until the next one.
func TestRearmedSourceIsNotRepeated(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R|W, netpoll.Edge)
	p.expect(1, W)
	if err := a.source().Rearm(p.Poll, R); err != nil {
		t.Fatal(err)
	}
	b.write([]byte("x"))
	p.expect(1, R)
	if got := p.wait(3*netpoll.EdgeRepeats + 20*time.Millisecond); got != nil {
		t.Errorf("events %v although nothing has changed", got)
	}
}

// A source that stays ready and unused does not keep Poll busy.
func TestUnreadEdgeDoesNotSpin(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R|W, netpoll.Edge)
	b.write([]byte("x"))
	p.expect(1, R|W)
	before, events := cpuTime(), 0
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); {
		events += len(p.wait(time.Until(end)))
	}
	if used := cpuTime() - before; used > 50*time.Millisecond {
		t.Errorf("waiting took %v of CPU time", used)
	}
	if netpoll.EdgeRepeats == 0 && events > 0 || events > 20 {
		t.Errorf("%d events although nothing has changed", events)
	}
}

func TestLevelIsToldByEveryPoll(t *testing.T) {
	p := newPoller(t)
	l := listenTCP(t)
	p.register(l.source(), 1, R, netpoll.Level)
	p.silent("nobody has connected")
	c := dialTCP(t, l.local())
	p.expect(1, R)
	p.expect(1, R)
	s, err := l.accept()
	if err != nil {
		t.Fatal(err)
	}
	p.silent("accepted")

	p.register(s.source(), 2, R|W, netpoll.Level)
	for range 2 {
		if got := p.expect(2, W); got != W {
			t.Errorf("%v, want only Writable", got)
		}
	}
	c.write([]byte("hello"))
	for range 2 {
		p.expect(2, R|W)
	}
	buf := make([]byte, 2)
	s.read(buf)
	p.expect(2, R|W) // some is left
	s.readAll()
	for range 2 {
		if got := p.expect(2, W); got != W {
			t.Errorf("%v after draining, want only Writable", got)
		}
	}
	p.deregister(s.source())
	s.close()
	p.silent("closed")
}

func TestLevelDefaultsWhenNothingIsSaid(t *testing.T) {
	p := newPoller(t)
	p.register(bindUDP(t).source(), 1, W, 0)
	for range 3 {
		p.expect(1, W)
	}
}

func TestLevelUDP(t *testing.T) {
	p := newPoller(t)
	rx, tx := bindUDP(t), bindUDP(t)
	p.register(rx.source(), 1, R, netpoll.Level)
	p.silent("nothing sent")
	tx.sendTo([]byte("one"), rx.local())
	tx.sendTo([]byte("two"), rx.local())
	for range 2 {
		p.expect(1, R)
	}
	buf := make([]byte, 16)
	rx.read(buf)
	p.expect(1, R)
	rx.read(buf)
	p.silent("both were received")
}

// Of three bytes each is read for an event of its own: a reregistered one-shot
// fires at once because data remains.
func TestOneShotIsToldOnceAndReregisterRearms(t *testing.T) {
	for _, mode := range []netpoll.PollOpt{netpoll.Edge, netpoll.Level} {
		t.Run(mode.String(), func(t *testing.T) {
			p := newPoller(t)
			a, b := connectTCP(t)
			opts := mode | netpoll.OneShot
			p.register(a.source(), 1, R, opts)
			b.write([]byte("foo"))
			buf := make([]byte, 1)
			for i := range 3 {
				p.expect(1, R)
				for range 2 {
					p.silent("told once")
				}
				if n, err := a.read(buf); n != 1 || err != nil || buf[0] != "foo"[i] {
					t.Fatalf("read %q, %v", buf[:n], err)
				}
				p.silent("not rearmed")
				p.reregister(a.source(), 1, R, opts)
			}
			p.reregister(a.source(), 1, R, opts)
			p.silent("all is read")
			b.write([]byte("x"))
			b.write([]byte("y"))
			p.expect(1, R)
			p.silent("no duplicate")
			b.write([]byte("z"))
			p.silent("not rearmed")
		})
	}
}

// A spent one-shot stays silent whatever happens to the source.
func TestSpentOneShotIsSilentOnHangUp(t *testing.T) {
	for _, mode := range []netpoll.PollOpt{netpoll.Edge, netpoll.Level} {
		p := newPoller(t)
		a, b := connectTCP(t)
		p.register(a.source(), 1, W, mode|netpoll.OneShot)
		p.expect(1, W)
		b.abortOnClose()
		b.close()
		p.silent("spent")
		p.reregister(a.source(), 2, R, mode|netpoll.OneShot)
		p.expect(2, R)
		p.silent("spent again")
	}
}

// A one-shot with both interests is spent by the first event of either.
func TestOneShotCountsForBothDirections(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R|W, netpoll.Edge|netpoll.OneShot)
	p.expect(1, W)
	b.write([]byte("x"))
	p.silent("spent by the writable event")
	p.reregister(a.source(), 1, R|W, netpoll.Edge|netpoll.OneShot)
	p.expect(1, R|W)
}

// Reregister fires at once when the source is ready, in every mode.
func TestReregisterFiresWhenReady(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge, netpoll.Level | netpoll.OneShot, netpoll.Edge | netpoll.OneShot} {
		p := newPoller(t)
		a, b := connectTCP(t)
		b.write([]byte("x"))
		p.register(a.source(), 0, R, opts)
		for i := range netpoll.Token(5) {
			p.expect(i, R)
			p.reregister(a.source(), i+1, R, opts)
		}
		p.expect(5, R)
	}
}

// With registered interests only the ones asked for are told.
func TestOnlyTheInterestIsTold(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	b.write([]byte("x"))
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge} {
		for _, interest := range []netpoll.Ready{R, W} {
			p.register(a.source(), 1, interest, opts)
			if got := p.expect(1, interest); got != interest {
				t.Errorf("%v, %v: got %v", interest, opts, got)
			}
			p.deregister(a.source())
		}
	}
	// A writer is told of the peer's end too, since the write would not block.
	p.register(a.source(), 1, R, netpoll.Level)
	b.close()
	for {
		if _, err := a.readAll(); err == io.EOF {
			break
		}
		p.expect(1, R)
	}
}

// Of many sources exactly the ready ones are told.
func TestManySourcesAllComeThrough(t *testing.T) {
	const n = 300
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge, netpoll.Edge | netpoll.OneShot} {
		p := newPoller(t)
		tx := bindUDP(t)
		want := map[netpoll.Token]netpoll.Ready{}
		socks := make([]*socket, n)
		for i := range socks {
			socks[i] = bindUDP(t)
			p.register(socks[i].source(), netpoll.Token(i), R, opts)
		}
		p.silent("nothing sent")
		for i := 0; i < n; i += 7 {
			tx.sendTo([]byte("x"), socks[i].local())
			want[netpoll.Token(i)] = R
		}
		p.gather(want)
		for _, s := range socks {
			s.close()
		}
	}
}

// An owner that tries first is told what it asks for, also if that came before.
func TestAskedForIsTold(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	slot, err := p.AttachAsked(uintptr(a.fd), 1, R|W)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		b.write([]byte("x"))
		if err := p.Rearm(slot, R); err != nil {
			t.Fatal(err)
		}
		p.expect(1, R)
		a.readAll()
	}
}
