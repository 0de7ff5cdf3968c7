package netpoll_test

import (
	"errors"
	"os"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
)

func TestPollWithNothingRegisteredReturnsAfterItsTimeout(t *testing.T) {
	p := newPoller(t)
	start := time.Now()
	if got := p.wait(20 * time.Millisecond); got != nil {
		t.Errorf("events %v", got)
	}
	if took := time.Since(start); took < 20*time.Millisecond {
		t.Errorf("returned after %v, early", took)
	}
}

func TestPollNeverReturnsEarly(t *testing.T) {
	p := newPoller(t)
	a, _ := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	for _, timeout := range []time.Duration{1, 999, time.Microsecond, 100 * time.Microsecond, 999999, time.Millisecond,
		1000001, 2500 * time.Microsecond, 10 * time.Millisecond} {
		for range 20 {
			start := time.Now()
			if got := p.wait(timeout); got != nil {
				t.Fatalf("events %v", got)
			}
			if took := time.Since(start); took < timeout {
				t.Errorf("timeout %v: returned after %v, early", timeout, took)
			}
		}
	}
}

// A shorter timeout after a longer one, and the other way round, is kept.
func TestTimeoutsDoNotDisturbEachOther(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	timeouts := []time.Duration{time.Hour, time.Millisecond, 15 * time.Millisecond, 5 * time.Millisecond, time.Hour, 10 * time.Millisecond}
	for _, timeout := range timeouts {
		if timeout == time.Hour { // ended by an event
			b.write([]byte("x"))
			p.expect(1, R)
			a.readAll()
			continue
		}
		start := time.Now()
		if got := p.wait(timeout); got != nil {
			t.Fatalf("events %v", got)
		}
		if took := time.Since(start); took < timeout || took > timeout+patience {
			t.Errorf("timeout %v: returned after %v", timeout, took)
		}
	}
}

func TestZeroTimeoutAsksTheSystem(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, W, netpoll.Level)
	if got := p.wait(0); len(got) != 1 {
		t.Errorf("events %v, want one", got)
	}
	p.reregister(a.source(), 1, R, netpoll.Level)
	start := time.Now()
	p.silent("nothing to read")
	if took := time.Since(start); took > patience {
		t.Errorf("a Poll that must not block took %v", took)
	}
	b.write([]byte("x"))
	p.expect(1, R)
}

func TestNegativeTimeoutBlocks(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	done := make(chan []netpoll.Event)
	go func() {
		for {
			// Poll may return without events.
			if got := p.wait(-1); len(got) != 0 {
				done <- got
				return
			}
		}
	}()
	select {
	case got := <-done:
		t.Fatalf("events %v, want to block", got)
	case <-time.After(20 * time.Millisecond):
	}
	b.write([]byte("x"))
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("still blocked")
	}
}

func TestEventsAreClearedByEveryCall(t *testing.T) {
	p := newPoller(t)
	a, _ := connectTCP(t)
	p.register(a.source(), 1, W, netpoll.Level|netpoll.OneShot)
	events := netpoll.NewEvents(8)
	if n, err := p.Poll.Poll(events, patience); n != 1 || err != nil {
		t.Fatalf("Poll: %d, %v", n, err)
	}
	if n, err := p.Poll.Poll(events, 0); n != 0 || err != nil || events.Len() != 0 {
		t.Errorf("Poll: %d, %v, %d events left over", n, err, events.Len())
	}
	// Also when it fails, and when it does not get its turn.
	p.reregister(a.source(), 1, W, netpoll.Level)
	if n, err := p.Poll.Poll(events, patience); n != 1 || err != nil {
		t.Fatalf("Poll: %d, %v", n, err)
	}
	p.Close()
	_, err := p.Poll.Poll(events, 0)
	mustMatch(t, "Poll", err, os.ErrClosed)
	if events.Len() != 0 {
		t.Errorf("%d events left over by a call that failed", events.Len())
	}
}

func TestCapacityBoundsACallAndTheRestFollow(t *testing.T) {
	const sources = 10
	for _, capacity := range []int{1, 3, sources - 1, sources, sources + 1} {
		for _, opts := range []netpoll.PollOpt{netpoll.Level, netpoll.Edge, netpoll.Level | netpoll.OneShot, netpoll.Edge | netpoll.OneShot} {
			p := newPoller(t)
			for i := range sources {
				p.register(bindUDP(t).source(), netpoll.Token(i), W, opts)
			}
			seen := map[netpoll.Token]int{}
			for calls := 0; len(seen) < sources; calls++ {
				if calls > 4*sources {
					t.Fatalf("capacity %d, %v: after %d calls only %v", capacity, opts, calls, seen)
				}
				got := p.waitFor(capacity, patience)
				for _, ev := range got {
					seen[ev.Token()]++
				}
			}
			if opts != netpoll.Level {
				for token, n := range seen {
					if n != 1 && (netpoll.EdgeRepeats == 0 || opts != netpoll.Edge) {
						t.Errorf("capacity %d, %v: token %d came %d times", capacity, opts, token, n)
					}
				}
			}
		}
	}
}

func TestCapacityIsAtLeastOne(t *testing.T) {
	for _, n := range []int{-5, 0, 1} {
		if got := netpoll.NewEvents(n).Cap(); got != 1 {
			t.Errorf("NewEvents(%d) has room for %d, want 1", n, got)
		}
	}
}

// The wake-up takes no room: with room for one, the event comes.
func TestWakeTakesNoRoom(t *testing.T) {
	p := newPoller(t)
	a, _ := connectTCP(t)
	p.register(a.source(), 1, W, netpoll.Level)
	for range 10 {
		if err := p.Wake(); err != nil {
			t.Fatal(err)
		}
		if got := p.waitFor(1, patience); len(got) != 1 {
			t.Fatalf("events %v after Wake, want the one that is there", got)
		}
	}
}

// However many goroutines wake, no wake-up is lost: a Poll that begins after
// Wake was called returns.
func TestNoWakeIsLost(t *testing.T) {
	p := newPoller(t)
	const rounds = 2000
	var asked, answered atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for answered.Load() < rounds {
			p.wait(-1)
			answered.Store(asked.Load())
		}
	}()
	for i := range int64(rounds) {
		asked.Store(i + 1)
		if err := p.Wake(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); answered.Load() <= i; {
			if time.Now().After(deadline) {
				t.Fatalf("wake %d is lost", i)
			}
			goruntime.Gosched()
		}
	}
	<-done
}

func TestCloseEndsEveryPollInProgress(t *testing.T) {
	p := newPoller(t)
	errs := make(chan error)
	for _, timeout := range []time.Duration{-1, -1, -1, time.Hour} {
		go func() {
			_, err := p.Poll.Poll(netpoll.NewEvents(4), timeout)
			errs <- err
		}()
	}
	if err := p.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for range 4 {
		select {
		case err := <-errs:
			mustMatch(t, "Poll", err, os.ErrClosed)
		case <-time.After(patience):
			t.Fatal("still blocked after Close")
		}
	}
}

// A Close while events are there ends the call with the error, not with them.
func TestCloseWhileEventsCome(t *testing.T) {
	for range 100 {
		p := newPoller(t)
		a, _ := connectTCP(t)
		p.register(a.source(), 1, W, netpoll.Level)
		done := make(chan error)
		go func() {
			events := netpoll.NewEvents(4)
			for {
				n, err := p.Poll.Poll(events, -1)
				if err != nil {
					if n != 0 || events.Len() != 0 {
						err = errors.New("events and an error")
					}
					done <- err
					return
				}
			}
		}()
		p.Close()
		mustMatch(t, "Poll", <-done, os.ErrClosed)
	}
}

func TestClosedPollRefusesEverything(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Level)
	slot, err := p.Attach(uintptr(b.fd), 2, R, netpoll.Level)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	mustMatch(t, "Close again", p.Close(), os.ErrClosed)
	_, err = p.Poll.Poll(netpoll.NewEvents(1), 0)
	mustMatch(t, "Poll", err, os.ErrClosed)
	mustMatch(t, "Wake", p.Wake(), os.ErrClosed)
	mustMatch(t, "Register", p.Register(bindUDP(t).source(), 3, R, 0), os.ErrClosed)
	mustMatch(t, "Reregister", p.Reregister(a.source(), 3, R, 0), os.ErrClosed)
	mustMatch(t, "Deregister", p.Deregister(a.source()), os.ErrClosed)
	_, err = p.Update(slot, 3, R, 0)
	mustMatch(t, "Update", err, os.ErrClosed)
	mustMatch(t, "Detach", p.Detach(slot), os.ErrClosed)
	mustMatch(t, "Forget", p.Forget(slot), os.ErrClosed)
	// The sources stay open.
	b.write([]byte("x"))
	q := newPoller(t)
	q.register(a.source(), 4, R, netpoll.Level)
	q.expect(4, R)
}

// Goroutines that poll at the same time take turns: every one-shot event is
// delivered exactly once, to one of them.
func TestConcurrentPollersShareTheEvents(t *testing.T) {
	p := newPoller(t)
	const sources, rounds = 8, 100
	socks := make([]*socket, sources)
	var count [sources]atomic.Int32
	for i := range socks {
		socks[i] = bindUDP(t)
		p.register(socks[i].source(), netpoll.Token(i), W, netpoll.Edge|netpoll.OneShot)
	}
	var left atomic.Int32
	left.Store(sources * rounds)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for left.Load() > 0 {
				for _, ev := range p.waitFor(3, time.Millisecond) {
					i := ev.Token()
					if n := count[i].Add(1); n > rounds {
						t.Errorf("token %d: event %d after %d were asked for", i, n, rounds)
					} else if n < rounds {
						p.reregister(socks[i].source(), i, W, netpoll.Edge|netpoll.OneShot)
					}
					left.Add(-1)
				}
			}
		})
	}
	wg.Wait()
	for i := range count {
		if n := count[i].Load(); n != rounds {
			t.Errorf("token %d: %d events, want %d", i, n, rounds)
		}
	}
}

// A goroutine that waits for its turn keeps to its own timeout.
func TestWaitingForATurnKeepsTheTimeout(t *testing.T) {
	p := newPoller(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Poll.Poll(netpoll.NewEvents(1), -1)
	}()
	events := netpoll.NewEvents(1)
	for range 5 {
		start := time.Now()
		if n, err := p.Poll.Poll(events, 5*time.Millisecond); n != 0 || err != nil {
			t.Errorf("Poll: %d, %v", n, err)
		}
		if took := time.Since(start); took < 5*time.Millisecond {
			t.Errorf("returned after %v, early", took)
		}
	}
	if n, err := p.Poll.Poll(events, 0); n != 0 || err != nil {
		t.Errorf("Poll: %d, %v", n, err)
	}
	p.Close()
	<-done
}

func TestPollsAreIndependent(t *testing.T) {
	a, b := connectTCP(t)
	p, q := newPoller(t), newPoller(t)
	p.register(a.source(), 1, R, netpoll.Level)
	q.register(b.source(), 1, R, netpoll.Level)
	b.write([]byte("x"))
	p.expect(1, R)
	q.silent("nothing was written to b")
	p.Close()
	a.write([]byte("x"))
	q.expect(1, R)
}

func TestReadyBitsHaveNames(t *testing.T) {
	for want, ready := range map[string]netpoll.Ready{
		"(empty)":                             0,
		"Readable":                            netpoll.Readable,
		"Readable | Writable":                 netpoll.Readable | netpoll.Writable,
		"Readable | Writable | Error | Hup":   netpoll.Readable | netpoll.Writable | netpoll.Error | netpoll.Hup,
		"ReadClosed | WriteClosed | Priority": netpoll.ReadClosed | netpoll.WriteClosed | netpoll.Priority,
	} {
		if got := ready.String(); got != want {
			t.Errorf("%#x is %q, want %q", uint16(ready), got, want)
		}
	}
}

func TestOptionsHaveNames(t *testing.T) {
	for want, opts := range map[string]netpoll.PollOpt{
		"(empty)":                          0,
		"Edge-Triggered":                   netpoll.Edge,
		"Level-Triggered":                  netpoll.Level,
		"OneShot":                          netpoll.OneShot,
		"Edge-Triggered | OneShot":         netpoll.Edge | netpoll.OneShot,
		"Level-Triggered | OneShot":        netpoll.Level | netpoll.OneShot,
		"Edge-Triggered | Level-Triggered": netpoll.Edge | netpoll.Level,
	} {
		if got := opts.String(); got != want {
			t.Errorf("%#x is %q, want %q", uint8(opts), got, want)
		}
	}
}

func TestReadyContains(t *testing.T) {
	if !(R | W).Contains(R) || !(R | W).Contains(0) || R.Contains(R|W) || netpoll.Ready(0).Contains(R) {
		t.Error("Contains does not tell subsets")
	}
}
