//go:build !moor_poll

package netpoll_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

// beside runs Poll in a goroutine until the test ends, and returns what it is told.
func (p *poller) beside() (told *[4]atomic.Int32) {
	told = new([4]atomic.Int32)
	var ended sync.WaitGroup
	ended.Go(func() {
		events := netpoll.NewEvents(4)
		for {
			if _, err := p.Poll.Poll(events, -1); err != nil {
				return
			}
			for ev := range events.All() {
				told[ev.Token()].Add(1)
			}
		}
	})
	p.t.Cleanup(func() {
		p.Close()
		ended.Wait()
	})
	return told
}

// lead leads until there is an event of token 1, or Poll has been told of it.
func (p *poller) lead(events *netpoll.Events, told func() bool) (led bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		n, _ := p.Lead(events)
		for i := range n {
			if events.At(i).Token() == 1 {
				return true
			}
		}
		if told() {
			return false
		}
	}
	p.t.Fatal("Lead: no event")
	return false
}

// until waits for f.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); time.Sleep(50 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("in vain: ", what)
		}
	}
}

// What is ready comes to the leader; after Follow it comes to Poll. User-space
// events and wake-ups always do.
func TestLeaderTakesEventsInPollsPlace(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	r, s := registration.New()
	p.register(a.source(), 1, R, netpoll.Edge)
	p.register(r, 2, R, netpoll.Edge)
	told := p.beside()
	events := netpoll.NewEvents(4)
	for round := range int32(50) {
		// It may be gone for too long in between.
		for led := false; !led; {
			before := told[1].Load()
			p.Lead(events)
			b.write([]byte("x"))
			led = p.lead(events, func() bool { return told[1].Load() > before })
			a.readAll()
		}
		s.Set(R)
		until(t, "the user-space event", func() bool { return told[2].Load() == round+1 })
		s.Set(0)
		p.Follow()
		before := told[1].Load()
		b.write([]byte("y"))
		until(t, "the event, after Follow", func() bool { return told[1].Load() > before })
		a.readAll()
	}
}

// A leader that does not come back is not waited for.
func TestPollTakesOverFromALeaderThatIsGone(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	told := p.beside()
	events := netpoll.NewEvents(4)
	for range 50 {
		for led := false; !led; {
			_, led = p.Lead(events)
		}
		before := told[1].Load()
		b.write([]byte("y"))
		until(t, "the event", func() bool { return told[1].Load() > before })
		a.readAll()
	}
	until(t, "everything is at rest", func() bool { return len(timersSet(t)) == 0 })
}

// A Poll call with a time-out ends when it is over, also if it is the leader that
// the kernel tells so.
func TestPollsTimeOutWhileAnotherLeads(t *testing.T) {
	p := newPoller(t)
	a, _ := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	stop := make(chan struct{})
	var leader sync.WaitGroup
	leader.Go(func() {
		events := netpoll.NewEvents(4)
		for {
			select {
			case <-stop:
				p.Follow()
				return
			default:
				p.Lead(events)
			}
		}
	})
	for range 30 {
		returns(t, p.Poll, 5*time.Millisecond, 5*time.Millisecond, 0)
	}
	close(stop)
	leader.Wait()
}

// Edges are told once each, to the leader or to Poll, however often the two change
// places.
func TestLeadingAndFollowingAtRandom(t *testing.T) {
	rounds := 10000
	if testing.Short() {
		rounds = 2000
	}
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	told := p.beside()
	events := netpoll.NewEvents(4)
	var led int32
	for round := range rounds {
		b.write([]byte("x"))
		for deadline := time.Now().Add(patience); led+told[1].Load() != int32(round+1); {
			switch {
			case round%7 == 0:
				p.Follow()
				until(t, "the event", func() bool { return led+told[1].Load() == int32(round+1) })
			case round%1000 == 1: // is away
				until(t, "the event", func() bool { return led+told[1].Load() == int32(round+1) })
			default:
				n, _ := p.Lead(events)
				led += int32(n)
			}
			if time.Now().After(deadline) || led+told[1].Load() > int32(round+1) {
				t.Fatalf("round %d: %d events to the leader, %d to Poll", round, led, told[1].Load())
			}
		}
		a.readAll()
	}
	t.Logf("%d to the leader, %d to Poll", led, told[1].Load())
	if led == 0 || told[1].Load() == 0 {
		t.Error("one of the two has led or followed all the time")
	}
}

// Starting anew, which replaces the epoll set, leaves a leader none to wait for in
// vain.
func TestLeftoversWhileAnotherLeads(t *testing.T) {
	p := newPoller(t)
	a, b := connectTCP(t)
	p.register(a.source(), 1, R, netpoll.Edge)
	told := p.beside()
	events := netpoll.NewEvents(4)
	for range 5 {
		// What is left in the set after this keeps Poll from sleeping.
		c, d := connectTCP(t)
		slot, err := p.Attach(uintptr(c.fd), 3, R, netpoll.Level)
		if err != nil {
			t.Fatal(err)
		}
		c.dup()
		p.Forget(slot)
		c.close()
		for leads := false; !leads; {
			_, leads = p.Lead(events)
		}
		d.write([]byte("x"))
		for range 100 {
			before := told[1].Load()
			b.write([]byte("y"))
			for deadline := time.Now().Add(patience); told[1].Load() == before; {
				if n, _ := p.Lead(events); n > 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatal("no event")
				}
			}
			a.readAll()
		}
		p.Follow()
	}
}

// timersSet returns the process's timerfds that are set: see proc_pid_fdinfo(5).
func timersSet(t *testing.T) (set []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := os.ReadFile("/proc/self/fdinfo/" + e.Name())
		if err != nil || !strings.Contains(string(info), "it_value") {
			continue
		}
		if !strings.Contains(string(info), "it_value: (0, 0)") || !strings.Contains(string(info), "it_interval: (0, 0)") {
			var fd int
			fmt.Sscan(e.Name(), &fd)
			set = append(set, fd)
		}
	}
	return set
}

// Whoever waits in Poll after PollSoon needs no processor: nothing is left that
// would wake it.
func TestPollAfterPollSoonIsAtRest(t *testing.T) {
	p := newPoller(t)
	events := netpoll.NewEvents(4)
	for range 10 {
		p.PollSoon(events)
	}
	if len(timersSet(t)) == 0 {
		t.Fatal("PollSoon has not waited")
	}
	var other sync.WaitGroup
	other.Go(func() { p.Poll.Poll(events, -1) })
	until(t, "no timer is set", func() bool { return len(timersSet(t)) == 0 })
	wake(t, p.Poll)
	other.Wait()
}

// What PollSoon takes was made with the Poll, so that nobody who counts descriptors
// sees more than before, and goes with it.
func TestPollSoonLeavesNothingBehind(t *testing.T) {
	left := opened(t, func() {
		p, err := netpoll.New()
		if err != nil {
			t.Fatal(err)
		}
		events := netpoll.NewEvents(4)
		if more := opened(t, func() {
			for range 3 {
				p.PollSoon(events)
				p.Lead(events)
			}
		}); len(more) != 0 {
			t.Errorf("descriptors %v are made by waiting", more)
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if len(left) != 0 {
		t.Errorf("descriptors %v are left open", left)
	}
}

// When the kernel refuses what it takes, PollSoon only asks, Lead says that it
// can't, and everything else goes on.
func TestPollSoonWithoutWhatItTakes(t *testing.T) {
	for name, f := range map[string]fault{
		"timerfd_settime": {unix.SYS_TIMERFD_SETTIME, unix.EINVAL, -1, -1},
		"masking":         {unix.SYS_EPOLL_CTL, unix.EINVAL, -1, unix.EPOLL_CTL_MOD},
	} {
		t.Run(name, func(t *testing.T) {
			inChild(t, func(t *testing.T) {
				p := newPoller(t)
				a, b := connectTCP(t)
				p.register(a.source(), 1, R, netpoll.Edge)
				inject(t, f)
				left := opened(t, func() {
					events := netpoll.NewEvents(4)
					for range 3 {
						if n, err := p.PollSoon(events); n != 0 || err != nil {
							t.Fatalf("PollSoon: %d, %v", n, err)
						}
						if n, leads := p.Lead(events); n != 0 || leads {
							t.Fatalf("Lead: %d, %v", n, leads)
						}
					}
					b.write([]byte("x"))
					p.pollSoon(events)
					a.readAll()
					b.write([]byte("x"))
					// Without a time-out: that takes a timer.
					if n, err := p.Poll.Poll(events, -1); n != 1 || err != nil {
						t.Fatalf("Poll: %d, %v", n, err)
					}
					a.readAll()
				})
				if len(left) != 0 {
					t.Errorf("descriptors %v are left open", left)
				}
			})
		})
	}
}

// The wait fails: the error comes out.
func TestPollSoonFails(t *testing.T) {
	inChild(t, func(t *testing.T) {
		p, epfd, _ := newPollerFD(t)
		events := netpoll.NewEvents(4)
		p.PollSoon(events)
		inject(t, fault{unix.SYS_EPOLL_PWAIT, unix.EINVAL, epfd, -1})
		_, err := p.PollSoon(events)
		mustMatch(t, "PollSoon", err, unix.EINVAL)
		if _, leads := p.Lead(events); leads {
			t.Error("Lead reports success")
		}
	})
}
