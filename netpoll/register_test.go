package netpoll_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
)

func TestRegisteringTwiceIsRefused(t *testing.T) {
	p := newPoller(t)
	a, _ := connectTCP(t)
	for name, s := range map[string]*socket{"stream": a, "listener": listenTCP(t), "datagram": bindUDP(t)} {
		p.register(s.source(), 1, R|W, netpoll.Edge|netpoll.OneShot)
		for _, opts := range []netpoll.PollOpt{netpoll.Edge, netpoll.Level, netpoll.Level | netpoll.OneShot} {
			mustMatch(t, name+": second Register", p.Register(s.source(), 2, R, opts), netpoll.ErrAlreadyRegistered)
		}
		p.deregister(s.source())
	}
}

// The registration that a second Register is refused for stays as it was.
func TestRefusedRegisterChangesNothing(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	mustMatch(t, "second Register", p.Register(a.source(), 2, W, netpoll.Level), netpoll.ErrAlreadyRegistered)
	p.silent("nothing to read")
	b.write([]byte("x"))
	p.expect(1, R)
}

func TestNotRegisteredIsSaid(t *testing.T) {
	p := newPoller(t)
	a, _ := connectTCP(t)
	mustMatch(t, "Reregister", p.Reregister(a.source(), 1, R, 0), netpoll.ErrNotRegistered)
	mustMatch(t, "Deregister", p.Deregister(a.source()), netpoll.ErrNotRegistered)
	p.register(a.source(), 1, R, 0)
	p.deregister(a.source())
	mustMatch(t, "Reregister after Deregister", p.Reregister(a.source(), 1, R, 0), netpoll.ErrNotRegistered)
	mustMatch(t, "second Deregister", p.Deregister(a.source()), netpoll.ErrNotRegistered)
}

func TestSlotsThatEndedAreRefused(t *testing.T) {
	p := newPoller(t)
	a, _ := connectTCP(t)
	slot, err := p.Attach(uintptr(a.fd), 1, R, 0)
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := p.Update(slot, 2, R, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Update(slot, 3, R, 0)
	mustMatch(t, "Update of the old slot", err, netpoll.ErrNotRegistered)
	mustMatch(t, "Detach of the old slot", p.Detach(slot), netpoll.ErrNotRegistered)
	if err := p.Detach(renewed); err != nil {
		t.Fatal(err)
	}
	for name, slot := range map[string]netpoll.Slot{"ended": renewed, "zero": 0, "made up": 12345} {
		_, err = p.Update(slot, 3, R, 0)
		mustMatch(t, "Update, "+name, err, netpoll.ErrNotRegistered)
		mustMatch(t, "Detach, "+name, p.Detach(slot), netpoll.ErrNotRegistered)
		mustMatch(t, "Forget, "+name, p.Forget(slot), netpoll.ErrNotRegistered)
	}
}

func TestReservedTokenIsRefusedOnEveryPath(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	const token = netpoll.ReservedToken
	mustMatch(t, "Register", p.Register(a.source(), token, R, 0), netpoll.ErrReservedToken)
	mustMatch(t, "the source's Register", a.source().Register(p.Poll, token, R, 0), netpoll.ErrReservedToken)
	p.register(a.source(), 1, R, netpoll.Edge)
	mustMatch(t, "Reregister", p.Reregister(a.source(), token, R, 0), netpoll.ErrReservedToken)
	mustMatch(t, "the source's Reregister", a.source().Reregister(p.Poll, token, R, 0), netpoll.ErrReservedToken)
	_, err := p.Attach(uintptr(b.fd), token, R, 0)
	mustMatch(t, "Attach", err, netpoll.ErrReservedToken)
	slot, err := p.Attach(uintptr(b.fd), 2, R, netpoll.Edge)
	if err != nil {
		t.Fatal(err)
	}
	same, err := p.Update(slot, token, R, 0)
	mustMatch(t, "Update", err, netpoll.ErrReservedToken)
	if same != slot {
		t.Errorf("a refused Update changed the slot from %#x to %#x", slot, same)
	}
	custom := &recorder{}
	mustMatch(t, "Register of a custom source", p.Register(custom, token, R, 0), netpoll.ErrReservedToken)
	mustMatch(t, "Reregister of a custom source", p.Reregister(custom, token, R, 0), netpoll.ErrReservedToken)
	if custom.calls != nil {
		t.Errorf("the custom source was called: %v", custom.calls)
	}
	// What was refused changed nothing.
	a.write([]byte("x"))
	b.write([]byte("x"))
	p.gather(map[netpoll.Token]netpoll.Ready{1: R, 2: R})
	// Its neighbour is a token like any other.
	p.reregister(a.source(), token-1, R, netpoll.Edge)
	p.expect(token-1, R)
}

func TestEdgeAndLevelTogetherAreRefused(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	for _, opts := range []netpoll.PollOpt{netpoll.Edge | netpoll.Level, netpoll.Edge | netpoll.Level | netpoll.OneShot, 1 << 6} {
		mustMatch(t, "Register", p.Register(a.source(), 1, R, opts), netpoll.ErrInvalidOptions)
		_, err := p.Attach(uintptr(b.fd), 1, R, opts)
		mustMatch(t, "Attach", err, netpoll.ErrInvalidOptions)
	}
	p.register(a.source(), 1, R, 0)
	mustMatch(t, "Reregister", p.Reregister(a.source(), 1, R, netpoll.Edge|netpoll.Level), netpoll.ErrInvalidOptions)
	a.write([]byte("x"))
	b.write([]byte("x"))
	p.expect(1, R)
}

func TestDeregisterThenRegister(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	b.write([]byte("x"))
	for i := range netpoll.Token(20) {
		p.register(a.source(), i, R, netpoll.Edge)
		p.expect(i, R)
		p.deregister(a.source())
		p.silent("deregistered")
	}
}

func TestReregisterReplacesEverything(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	b.write([]byte("x"))
	p.register(a.source(), 1, R, netpoll.Edge)
	p.expect(1, R)
	p.quiet("an edge is told once")
	p.reregister(a.source(), 2, W, netpoll.Level|netpoll.OneShot)
	if got := p.expect(2, W); got&R != 0 {
		t.Errorf("%v: the old interest is still told", got)
	}
	p.silent("a one-shot is told once")
	p.reregister(a.source(), 3, R, netpoll.Level)
	for range 3 {
		if got := p.expect(3, R); got&W != 0 {
			t.Errorf("%v: the old interest is still told", got)
		}
	}
}

// Change the interest without polling in between: the old one leaves nothing.
func TestReregisterBeforePollDropsTheEvent(t *testing.T) {
	p := newPoller(t)
	l := listenTCP(t)
	p.register(l.source(), 1, R, netpoll.Edge|netpoll.OneShot)
	c := dialTCP(t, l.local())
	q := newPoller(t) // tells when the connection is there
	q.register(c.source(), 1, W, netpoll.Level)
	q.expect(1, W)
	p.reregister(l.source(), 1, W, netpoll.Edge|netpoll.OneShot)
	p.silent("a listener is never writable")
}

// R under token 1, R under token 1 again, W under token 2: the event comes
// under token 2.
func TestLastReregisterCounts(t *testing.T) {
	p := newPoller(t)
	a, _ := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	p.reregister(a.source(), 1, R, netpoll.Edge)
	p.reregister(a.source(), 2, W, netpoll.Edge)
	p.expect(2, W)
	p.quiet("it was told")
}

func TestEmptyInterestIsSilent(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge, netpoll.Level | netpoll.OneShot} {
		p := newPoller(t)
		a, b := connectTCP(t)
		p.register(a.source(), 1, 0, opts)
		b.write([]byte("x"))
		p.silent("empty interest, data there")
		b.close()
		p.silent("empty interest, peer closed")
		p.reregister(a.source(), 1, R, opts)
		p.expect(1, R)
		p.reregister(a.source(), 1, 0, opts)
		p.silent("empty interest again")
	}
}

// The system reports hang-ups and errors unasked; Poll must not spin on those
// of a source that nobody asks about.
func TestEmptyInterestDoesNotSpinOnHangUp(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, 0, netpoll.Level)
	b.abortOnClose()
	b.close()
	before := cpuTime()
	if got := p.wait(200 * time.Millisecond); got != nil {
		t.Errorf("events %v", got)
	}
	if used := cpuTime() - before; used > 50*time.Millisecond {
		t.Errorf("waiting took %v of CPU time", used)
	}
}

func TestNoEventAfterDeregister(t *testing.T) {
	p := newPoller(t)
	l := listenTCP(t)
	p.register(l.source(), 1, R, netpoll.Level)
	dialTCP(t, l.local())
	p.expect(1, R)
	p.deregister(l.source())
	p.silent("deregistered")
	if _, err := l.accept(); err != nil { // what was deregistered still works
		t.Errorf("accept: %v", err)
	}
}

// A connection is pending on a listener that was deregistered: a blocking Poll
// returns for nothing but the wake-up.
func TestDeregisteredListenerDoesNotEndABlockingPoll(t *testing.T) {
	p := newPoller(t)
	l := listenTCP(t)
	p.register(l.source(), 1, R, netpoll.Level)
	dialTCP(t, l.local())
	p.expect(1, R)
	p.deregister(l.source())
	woken := make(chan struct{})
	go func() {
		time.Sleep(10 * time.Millisecond) // a Poll that did not block would have returned
		close(woken)
		p.Wake()
	}()
	for {
		if got := p.wait(-1); got != nil {
			t.Fatalf("events %v", got)
		}
		select {
		case <-woken:
			return
		default:
		}
	}
}

func TestRegisterFromThreeGoroutines(t *testing.T) {
	p := newPoller(t)
	var wg sync.WaitGroup
	want := map[netpoll.Token]netpoll.Ready{}
	for i := range netpoll.Token(3) {
		s := bindUDP(t)
		want[i] = W
		wg.Go(func() {
			if err := p.Register(s.source(), i, W, netpoll.Edge); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	p.gather(want)
}

func TestRegisterWhileAnotherIsBlockedInPoll(t *testing.T) {
	p := newPoller(t)
	for i := range netpoll.Token(20) {
		s := bindUDP(t)
		done := make(chan []netpoll.Event)
		go func() {
			for {
				if got := p.wait(-1); len(got) != 0 {
					done <- got
					return
				}
			}
		}()
		p.register(s.source(), i, W, netpoll.Edge)
		select {
		case got := <-done:
			if len(got) != 1 || got[0].Token() != i || got[0].Readiness() != W {
				t.Errorf("events %v, want one", got)
			}
		case <-time.After(patience):
			t.Fatal("still blocked")
		}
		p.deregister(s.source())
	}
}

// Reregister and Deregister reach a Poll that is blocked.
func TestReregisterWhileAnotherIsBlockedInPoll(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Level)
	for range 20 {
		done := make(chan []netpoll.Event)
		go func() {
			for {
				if got := p.wait(-1); len(got) != 0 {
					done <- got
					return
				}
			}
		}()
		p.deregister(a.source())
		b.write([]byte("x"))
		select {
		case got := <-done:
			t.Fatalf("events %v of a source that was deregistered", got)
		case <-time.After(time.Millisecond):
		}
		p.register(a.source(), 2, 0, netpoll.Level)
		p.reregister(a.source(), 3, R, netpoll.Level)
		select {
		case got := <-done:
			if len(got) != 1 || got[0].Token() != 3 {
				t.Fatalf("events %v, want one of token 3", got)
			}
		case <-time.After(patience):
			t.Fatal("still blocked")
		}
		a.readAll()
	}
}

// Churn in some goroutines does not cost another source its events, nor does
// anything come that is not registered.
func TestUpdatesWhilePolling(t *testing.T) {
	p := newPoller(t)
	steady := bindUDP(t)
	p.register(steady.source(), 1000, R, netpoll.Level)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range netpoll.Token(3) {
		s := bindUDP(t)
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				for _, err := range []error{
					p.Register(s.source(), g, W, netpoll.Level),
					p.Reregister(s.source(), 10+g, R|W, netpoll.Edge),
					p.Reregister(s.source(), 20+g, 0, netpoll.Level),
					p.Deregister(s.source()),
				} {
					if err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	sender := bindUDP(t)
	for i := range 200 {
		sender.sendTo([]byte{byte(i)}, steady.local())
		for got := false; !got; {
			for _, ev := range p.wait(patience) {
				switch token := ev.Token(); {
				case token == 1000:
					steady.readAll()
					got = true
				case token > 12:
					t.Errorf("event of token %d, %v", token, ev.Readiness())
				}
			}
		}
	}
	close(stop)
	wg.Wait()
	p.silent("all others are deregistered")
}

// recorder is a source that records its calls.
type recorder struct {
	calls []string
	err   error
}

func (r *recorder) Register(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	r.calls = append(r.calls, fmt.Sprintf("Register %d %v %v", token, interest, opts))
	return r.err
}

func (r *recorder) Reregister(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	r.calls = append(r.calls, fmt.Sprintf("Reregister %d %v %v", token, interest, opts))
	return r.err
}

func (r *recorder) Deregister(p *netpoll.Poll) error {
	r.calls = append(r.calls, "Deregister")
	return r.err
}

func TestCustomSourceGetsEachCallOnce(t *testing.T) {
	p := newPoller(t)
	for _, want := range []error{nil, errors.New("no"), os.ErrPermission} {
		r := &recorder{err: want}
		for _, got := range []error{
			p.Register(r, 7, R, netpoll.Edge),
			p.Reregister(r, 8, W, netpoll.Level|netpoll.OneShot),
			p.Deregister(r),
		} {
			if got != want {
				t.Errorf("error %v, want %v unchanged", got, want)
			}
		}
		want := []string{"Register 7 Readable Edge-Triggered", "Reregister 8 Writable Level-Triggered | OneShot", "Deregister"}
		if fmt.Sprint(r.calls) != fmt.Sprint(want) {
			t.Errorf("calls %q, want %q", r.calls, want)
		}
	}
}

// The Poll borrows descriptors: it closes none.
func TestPollClosesNoDescriptor(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Level)
	p.deregister(a.source())
	b.write([]byte("x"))
	p.register(b.source(), 2, W, netpoll.Level)
	p.Close()
	if data, err := a.readAll(); string(data) != "x" || err != errAgain {
		t.Errorf("read %q, %v", data, err)
	}
	a.write([]byte("y"))
}
