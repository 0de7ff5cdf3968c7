package netpoll_test

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// returns polls and demands want events, within the given time at the least.
func returns(t *testing.T, p *netpoll.Poll, timeout, atLeast time.Duration, want int) {
	t.Helper()
	start := time.Now()
	n, err := p.Poll(netpoll.NewEvents(1), timeout)
	if err != nil || n != want {
		t.Fatalf("Poll: %d events, %v; want %d", n, err, want)
	}
	if took := time.Since(start); took < atLeast {
		t.Fatalf("Poll returned after %v, asked for %v", took, atLeast)
	}
}

// nothing demands that no wake-up is left.
func nothing(t *testing.T, p *netpoll.Poll) {
	t.Helper()
	const whole = 20 * time.Millisecond
	returns(t, p, whole, whole, 0)
}

func wake(t *testing.T, p *netpoll.Poll) {
	t.Helper()
	if err := p.Wake(); err != nil {
		t.Error(err)
	}
}

func TestWakeBeforePollEndsIt(t *testing.T) {
	p := newPoll(t)
	wake(t, p)
	returns(t, p, -1, 0, 0)
	nothing(t, p)
}

func TestWakeEndsABlockedPoll(t *testing.T) {
	p := newPoll(t)
	for range 100 {
		go wake(t, p)
		returns(t, p, -1, 0, 0)
	}
	nothing(t, p)
}

func TestThreeWakesAreSeenByOnePoll(t *testing.T) {
	p := newPoll(t)
	for range 3 {
		wake(t, p)
	}
	returns(t, p, -1, 0, 0)
	nothing(t, p)
}

func TestWakesOfTwoGoroutinesWithABarrierEndTwoPolls(t *testing.T) {
	p := newPoll(t)
	barrier := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() {
		wake(t, p)
		<-barrier
	})
	both.Go(func() {
		<-barrier
		wake(t, p)
	})
	returns(t, p, -1, 0, 0)
	close(barrier)
	returns(t, p, -1, 0, 0)
	both.Wait()
	nothing(t, p)
}

func TestWakeTakesNoSlot(t *testing.T) {
	p := newPoll(t)
	r, s := registration.New()
	if err := p.Register(r, 1, netpoll.Readable, netpoll.Edge); err != nil {
		t.Fatal(err)
	}
	s.Set(netpoll.Readable)
	wake(t, p)
	returns(t, p, -1, 0, 1)
	nothing(t, p)
}

// Not only the first: that was so once.
func TestEveryWakeOfAClosedPollFails(t *testing.T) {
	p := newPoll(t)
	p.Close()
	for range 2 {
		if err := p.Wake(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("Wake: %v", err)
		}
	}
}
