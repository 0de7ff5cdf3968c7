package netpoll_test

import (
	"os"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
)

// Each test here failed once.

// The expiry of a timeout that was not needed any more took the slot of an
// event.
func TestExpiredTimeoutTakesNoRoom(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	b.write([]byte("x"))
	// The event ends the wait before its timeout, which expires later.
	const timeout = 20 * time.Millisecond
	for len(p.waitFor(1, timeout)) == 0 {
	}
	a.readAll()
	time.Sleep(2 * timeout) // the point of the test: the timeout passes while nobody polls
	b.write([]byte("y"))
	for _, err := a.peek(make([]byte, 1)); err == errAgain; _, err = a.peek(make([]byte, 1)) {
		// The system may deliver it a moment later.
	}
	if got := p.waitFor(1, 0); len(got) != 1 && netpoll.EdgeRepeats == 0 {
		t.Errorf("Poll returned %d events with room for one, want 1", len(got))
	}
}

// What a closed descriptor left behind in the system, because a duplicate kept
// it open, made Poll spin.
func TestLeftoverOfAClosedDescriptorDoesNotSpin(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge} {
		t.Run(opts.String(), func(t *testing.T) {
			p := newPoller(t)
			a, b := connectTCP(t)
			b.write([]byte("x"))
			slot, err := p.Attach(uintptr(a.fd), 1, R|W, opts)
			if err != nil {
				t.Fatal(err)
			}
			dup := a.dup()
			if err := p.Forget(slot); err != nil {
				t.Fatal(err)
			}
			a.close()
			before := cpuTime()
			if got := p.wait(200 * time.Millisecond); len(got) != 0 {
				t.Errorf("events %v of a descriptor that was closed", got)
			}
			if used := cpuTime() - before; used > 50*time.Millisecond {
				t.Errorf("waiting took %v of CPU time", used)
			}
			// What is registered otherwise goes on as before.
			p.register(b.source(), 2, W, netpoll.Edge)
			p.expect(2, W)
			dup.close()
		})
	}
}

// Deregistering a descriptor that was closed already failed with what the
// system says about closed descriptors.
func TestDeregisterAfterClose(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	src := a.source()
	p.register(src, 1, R, netpoll.Level)
	a.close()
	mustMatch(t, "Deregister", p.Deregister(src), netpoll.ErrNotRegistered)
	mustMatch(t, "second Deregister", p.Deregister(src), netpoll.ErrNotRegistered)
	// The number may have been given away meanwhile.
	src = b.source()
	p.register(src, 2, R, netpoll.Level)
	c, _ := connectTCP(t)
	b.close()
	again := c.reuse(src)
	mustMatch(t, "Deregister of a number used again", p.Deregister(src), netpoll.ErrNotRegistered)
	p.register(again.source(), 3, W, netpoll.Level)
	p.expect(3, W)
}

// A number that was forgotten and closed could not be registered again when it
// came to name the same open file again.
func TestDuplicateWithTheSameNumber(t *testing.T) {
	for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge} {
		p := newPoller(t)
		a, b := connectTCP(t)
		number := a.source()
		slot, err := p.Attach(uintptr(number), 1, R, opts)
		if err != nil {
			t.Fatal(err)
		}
		dup := a.dup()
		if err := p.Forget(slot); err != nil {
			t.Fatal(err)
		}
		a.close()
		again := dup.reuse(number)
		p.register(again.source(), 2, R, opts)
		mustMatch(t, "second Register", p.Register(again.source(), 3, R, opts), netpoll.ErrAlreadyRegistered)
		_, err = p.Attach(uintptr(number), 4, R, opts)
		mustMatch(t, "Attach", err, netpoll.ErrAlreadyRegistered)
		b.write([]byte("x"))
		p.expect(2, R)
		p.deregister(again.source())
		p.silent("deregistered")
	}
}

// An FD that was closed without Deregister kept its claim on the number: its
// Deregister ended the registration of the next owner, if that was not an FD.
func TestClosedFDHasNoClaimOnItsNumber(t *testing.T) {
	attach := map[string]func(p *poller, fd uintptr) (netpoll.Slot, error){
		"Attach":      func(p *poller, fd uintptr) (netpoll.Slot, error) { return p.Attach(fd, 2, R, netpoll.Level) },
		"AttachAsked": func(p *poller, fd uintptr) (netpoll.Slot, error) { return p.AttachAsked(fd, 2, R) },
	}
	for name, attach := range attach {
		t.Run(name, func(t *testing.T) {
			p := newPoller(t)
			a, _ := connectTCP(t)
			b, peer := connectTCP(t)
			number := a.source()
			p.register(number, 1, R, netpoll.Level)
			a.close()
			b.reuse(number)
			slot, err := attach(p, uintptr(number))
			if err != nil {
				t.Fatal(err)
			}
			mustMatch(t, "Reregister", p.Reregister(number, 3, R, 0), netpoll.ErrNotRegistered)
			mustMatch(t, "Deregister", p.Deregister(number), netpoll.ErrNotRegistered)
			if err := p.Rearm(slot, R); name == "AttachAsked" && err != nil {
				t.Fatal(err)
			}
			peer.write([]byte("x"))
			p.expect(2, R)
		})
	}
}

// After Close a call of Poll that could not have its turn, because another was about
// to notice that the Poll is closed, returned without an error.
func TestPollAfterCloseFailsThoughAnotherIsInIt(t *testing.T) {
	for range 500 {
		p := newPoll(t)
		begun, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			close(begun)
			p.Poll(netpoll.NewEvents(1), -1)
		}()
		<-begun
		p.Poll(netpoll.NewEvents(1), time.Microsecond) // mostly it is blocked now
		p.Close()
		for _, timeout := range []time.Duration{0, 1} {
			_, err := p.Poll(netpoll.NewEvents(1), timeout)
			mustMatch(t, "Poll", err, os.ErrClosed)
		}
		<-ended
	}
}

// A socket that is registered before it connects can be told as hung up, which it is
// at that moment. That it has been connected was not told any more where edges are
// found by comparing.
func TestConnectAfterRegister(t *testing.T) {
	for _, during := range []bool{false, true} {
		p := newPoller(t)
		l := listenTCP(t)
		c := newStream(t)
		p.register(c.source(), 1, W, netpoll.Edge)
		p.wait(0) // it says what it likes
		to := l.local()
		connected := make(chan struct{})
		connect := func() {
			defer close(connected)
			if err := c.tryConnect(to); err != nil && !inProgress(err) {
				t.Error(err)
			}
		}
		if during {
			time.AfterFunc(20*time.Millisecond, connect)
		} else {
			connect()
		}
		for end := time.Now().Add(patience); ; {
			if time.Now().After(end) {
				t.Fatalf("connecting during Poll %v: not told", during)
			}
			if got := p.wait(time.Until(end)); len(got) > 0 && got[0].Readiness()&netpoll.Hup == 0 {
				break
			}
		}
		<-connected
	}
}

// Bits that mean nothing counted as an interest: with poll(2) a hang-up then made Poll
// spin.
func TestUnknownBitsAreNoInterest(t *testing.T) {
	for _, unknown := range []netpoll.Ready{1 << 7, 1 << 9, 1 << 15} {
		p := newPoller(t)
		a, b := connectTCP(t)
		p.register(a.source(), 1, unknown, netpoll.Level)
		a.shutdownWrite()
		b.close()
		before := cpuTime()
		if got := p.wait(100 * time.Millisecond); got != nil {
			t.Errorf("interest %#x: events %v", uint16(unknown), got)
		}
		if used := cpuTime() - before; used > 50*time.Millisecond {
			t.Errorf("interest %#x: waiting took %v of CPU time", uint16(unknown), used)
		}
		p.reregister(a.source(), 1, R|unknown, netpoll.Level)
		p.expect(1, R)
	}
}

// PollSoon waits for SoonLimit at most, or does not wait, also while another goroutine
// is in Poll.
func TestPollSoonDoesNotWaitForItsTurn(t *testing.T) {
	p := newPoller(t)
	polled, soon := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := p.Poll.Poll(netpoll.NewEvents(1), -1)
		polled <- err
	}()
	time.Sleep(50 * time.Millisecond) // it is in Poll: nobody can see that
	go func() {
		_, err := p.PollSoon(netpoll.NewEvents(1))
		soon <- err
	}()
	select {
	case err := <-soon:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("PollSoon waits for as long as another goroutine is in Poll")
	}
	p.Close()
	<-polled
}

// Where NeedsRearm is true, what was attached with AttachAsked is told nothing that it
// has not asked for: a source that nobody waits for costs nothing.
func TestAttachAskedIsToldNothingUnasked(t *testing.T) {
	if !netpoll.NeedsRearm {
		t.Skip("the system tells unasked")
	}
	p := newPoller(t)
	a, b := connectTCP(t)
	slot, err := p.AttachAsked(uintptr(a.fd), 1, R|W)
	if err != nil {
		t.Fatal(err)
	}
	unasked := func(when string) {
		t.Helper()
		events := 0
		for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
			events += len(p.wait(time.Until(end)))
		}
		if events > 0 {
			t.Errorf("%s: %d events", when, events)
		}
	}
	unasked("writable")
	b.write([]byte("x"))
	unasked("readable too")
	if err := p.Rearm(slot, R); err != nil {
		t.Fatal(err)
	}
	p.expect(1, R)
	unasked("told")
	if err := p.Rearm(slot, W); err != nil {
		t.Fatal(err)
	}
	p.expect(1, W)
	a.readAll()
	unasked("drained")
	if err := p.Rearm(slot, R); err != nil {
		t.Fatal(err)
	}
	unasked("nothing to read")
	b.close()
	p.expect(1, R)
}

// The zero Events has room for one.
func TestZeroEventsHaveRoom(t *testing.T) {
	p := newPoller(t)
	var events netpoll.Events
	before := cpuTime()
	if n, err := p.Poll.Poll(&events, 300*time.Millisecond); n != 0 || err != nil {
		t.Errorf("Poll: %d, %v", n, err)
	}
	if used := cpuTime() - before; used > 150*time.Millisecond {
		t.Errorf("waiting took %v of CPU time", used)
	}
	a, _ := connectTCP(t)
	p.register(a.source(), 1, W, netpoll.Level)
	if n, err := p.Poll.Poll(&events, 0); n != 1 || err != nil {
		t.Errorf("Poll: %d, %v", n, err)
	}
}
