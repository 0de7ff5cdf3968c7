package registration_test

import (
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// timer returns a Timer that is registered with p.
func (p *poller) timer(token netpoll.Token, opts netpoll.PollOpt) *registration.Timer {
	p.t.Helper()
	tm := registration.NewTimer()
	must(p.t, p.Register(tm, token, R, opts))
	p.t.Cleanup(func() { tm.Close() })
	return tm
}

func TestTimerFiresWhenDueAndNeverEarly(t *testing.T) {
	p := newPoller(t, 8)
	tm := p.timer(1, edge)
	for i := range 200 {
		d := time.Duration(rand.IntN(int(2 * time.Millisecond)))
		at := time.Now().Add(d)
		switch i % 3 {
		case 0:
			must(t, tm.Set(at))
		case 1:
			must(t, tm.Set(at.Round(0))) // the wall clock's reading alone
		case 2:
			at = time.Now().Add(d)
			must(t, tm.SetAfter(d))
		}
		p.await(event{1, R})
		if now := time.Now(); now.Before(at) {
			t.Fatalf("%v early", at.Sub(now))
		}
		p.expect()
	}
}

func TestTimerSetToThePastFiresAtOnce(t *testing.T) {
	p := newPoller(t, 8)
	tm := p.timer(1, edge)
	for range 2 { // also when it is readable already
		must(t, tm.Set(time.Now().Add(-time.Hour)))
		p.expect(event{1, R})
		must(t, tm.Set(time.Unix(1, 0)))
		p.expect(event{1, R})
		must(t, tm.SetAfter(0))
		p.expect(event{1, R})
		must(t, tm.SetAfter(-time.Hour))
		p.expect(event{1, R})
	}
}

func TestTimerSetBeforeRegisterFires(t *testing.T) {
	p := newPoller(t, 8)
	tm := registration.NewTimer()
	must(t, tm.SetAfter(time.Millisecond))
	must(t, p.Register(tm, 1, R, edge))
	p.await(event{1, R})
	must(t, tm.Close())
}

func TestTimerStaysReadableUntilSetOrStopped(t *testing.T) {
	p := newPoller(t, 8)
	tm := p.timer(1, level)
	for _, end := range []func(){
		func() { tm.Stop() },
		func() { must(t, tm.SetAfter(time.Hour)) },
		func() { must(t, tm.Set(time.Time{})) },
	} {
		must(t, tm.SetAfter(time.Millisecond))
		p.await(event{1, R})
		for range 3 {
			p.expect(event{1, R})
		}
		end()
		p.expect()
	}
}

func TestTimerOneShotIsReArmedByReregister(t *testing.T) {
	p := newPoller(t, 8)
	tm := p.timer(1, oneshot)
	must(t, tm.SetAfter(0))
	p.expect(event{1, R})
	must(t, tm.SetAfter(0))
	p.expect()
	must(t, p.Reregister(tm, 2, R, oneshot))
	p.expect(event{2, R})
}

func TestTimerStopReportsWhetherTheMomentWasToCome(t *testing.T) {
	p := newPoller(t, 8)
	tm := p.timer(1, level)
	if tm.Stop() {
		t.Error("Stop of a new Timer reports true")
	}
	must(t, tm.SetAfter(time.Hour))
	if !tm.Stop() {
		t.Error("Stop of a Timer that was set reports false")
	}
	if tm.Stop() {
		t.Error("Stop of a stopped Timer reports true")
	}
	must(t, tm.SetAfter(time.Microsecond))
	p.await(event{1, R})
	if tm.Stop() {
		t.Error("Stop of a Timer that fired reports true")
	}
	must(t, tm.SetAfter(time.Hour))
	must(t, tm.SetAfter(0))
	if tm.Stop() {
		t.Error("Stop of a Timer that fired at once reports true")
	}
}

// Go's timer may have started to fire when the moment is changed: what it was
// set to before must not come any more.
func TestTimerForgetsTheEarlierMoment(t *testing.T) {
	p := newPoller(t, 64)
	for token := range netpoll.Token(300) {
		tm := p.timer(token, edge)
		must(t, tm.SetAfter(time.Duration(rand.IntN(100))*time.Microsecond))
		if token%2 == 0 {
			must(t, tm.SetAfter(time.Hour))
		} else {
			tm.Stop()
		}
		tm.FireLate()
	}
	p.same(p.poll(20*time.Millisecond), nil)
}

func TestTimerLaterAndEarlier(t *testing.T) {
	p := newPoller(t, 8)
	tm := p.timer(1, edge)
	must(t, tm.SetAfter(time.Hour))
	at := time.Now().Add(5 * time.Millisecond)
	must(t, tm.Set(at))
	p.await(event{1, R})
	if now := time.Now(); now.Before(at) {
		t.Errorf("%v early", at.Sub(now))
	}
	must(t, tm.SetAfter(math.MaxInt64))
	p.expect()
}

func TestTimerOfAClosedPollAndClosedTimer(t *testing.T) {
	p := newPoller(t, 8)
	due, tm := p.timer(1, edge), p.timer(2, edge)
	must(t, due.SetAfter(time.Microsecond)) // fires about when the Poll goes
	must(t, p.Close())
	wantErr(t, "Set", tm.Set(time.Now().Add(time.Hour)), os.ErrClosed)
	wantErr(t, "SetAfter", tm.SetAfter(0), os.ErrClosed)
	if tm.Stop() {
		t.Error("a Set that failed has set the Timer")
	}

	p = newPoller(t, 8)
	tm = p.timer(1, level)
	must(t, tm.SetAfter(0))
	must(t, tm.Close())
	p.expect()
	wantErr(t, "Close", tm.Close(), os.ErrClosed)
	wantErr(t, "SetAfter", tm.SetAfter(0), os.ErrClosed)
	wantErr(t, "Set", tm.Set(time.Time{}), os.ErrClosed)
	wantErr(t, "Register", p.Register(tm, 1, R, edge), os.ErrClosed)
	if tm.Stop() {
		t.Error("Stop of a closed Timer reports true")
	}
}

func TestTimerSetFromManyGoroutines(t *testing.T) {
	p := newPoller(t, 8)
	tm := p.timer(1, edge)
	for range 50 {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for i := range 20 {
					tm.SetAfter(time.Duration(i) * 10 * time.Microsecond)
					if i%3 == 0 {
						tm.Stop()
					}
				}
			})
		}
		all.Wait()
		tm.Stop()
		p.expect()
		must(t, tm.SetAfter(time.Microsecond))
		p.await(event{1, R})
	}
}

func TestTimersNeedNoGoroutineAndNoMemoryPerSet(t *testing.T) {
	p := newPoller(t, 8)
	before := runtime.NumGoroutine()
	for token := range netpoll.Token(100) {
		must(t, p.timer(token, edge).SetAfter(time.Hour))
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines, %d before", after, before)
	}
	tm := p.timer(100, edge)
	must(t, tm.SetAfter(time.Hour))
	at := time.Now().Add(time.Hour)
	if n := testing.AllocsPerRun(100, func() { tm.Set(at); tm.SetAfter(time.Minute) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
