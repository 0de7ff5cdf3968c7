package registration_test

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
	"github.com/moor-net/moor/registration"
)

func TestCloseDiscardsUndeliveredEvents(t *testing.T) {
	p := newPoller(t, 8)
	for _, opts := range []netpoll.PollOpt{level, edge, oneshot} {
		r, s := p.pair(1, R, opts)
		must(t, s.Set(R))
		must(t, r.Close())
		p.expect()
	}
}

func TestSetAfterCloseDoesNothingAndSaysSo(t *testing.T) {
	p := newPoller(t, 8)
	r, s := p.pair(1, R|W, level)
	must(t, s.Set(R))
	must(t, r.Close())
	wantErr(t, "Set", s.Set(W), os.ErrClosed)
	if s.Readiness() != R {
		t.Errorf("readiness became %v", s.Readiness())
	}
	p.expect()
	wantErr(t, "Close twice", r.Close(), os.ErrClosed)
	wantErr(t, "Register", p.Register(r, 1, R, edge), os.ErrClosed)
	wantErr(t, "Reregister", p.Reregister(r, 1, R, edge), os.ErrClosed)
	wantErr(t, "Deregister", p.Deregister(r), os.ErrClosed)
}

func TestSetOfAnUnregisteredClosedPair(t *testing.T) {
	r, s := registration.New()
	must(t, s.Set(R))
	must(t, r.Close())
	wantErr(t, "Set", s.Set(R), os.ErrClosed)
}

func TestSetAfterThePollWentDoesNothingAndSaysSo(t *testing.T) {
	p := newPoller(t, 8)
	r, s := p.pair(1, R, level)
	queued, q := p.pair(2, R, level)
	former, f := p.pair(3, R, level)
	must(t, p.Deregister(former))
	must(t, s.Set(W))
	must(t, q.Set(R))
	must(t, p.Close())
	for _, s := range []*registration.SetReadiness{s, q, f} {
		before := s.Readiness()
		wantErr(t, "Set", s.Set(R|W), os.ErrClosed)
		if s.Readiness() != before {
			t.Errorf("readiness became %v", s.Readiness())
		}
	}
	must(t, r.Close())
	must(t, queued.Close())
	must(t, former.Close())
}

func TestCloseOfThePollEndsABlockedPollWhileOthersSet(t *testing.T) {
	for range 100 {
		p := newPoller(t, 8)
		_, s := p.pair(1, W, edge) // R never fires
		_, e := p.pair(2, R, edge)
		ended := make(chan error)
		go func() {
			events := netpoll.NewEvents(8)
			for {
				if _, err := p.Poll.Poll(events, -1); err != nil {
					ended <- err
					return
				}
			}
		}()
		var setters sync.WaitGroup
		for _, s := range []*registration.SetReadiness{s, e} {
			setters.Go(func() {
				for s.Set(R) == nil {
					runtime.Gosched()
				}
			})
		}
		must(t, p.Close())
		within(t, "the blocked Poll and the setters", func() {
			wantErr(t, "Poll", <-ended, os.ErrClosed)
			setters.Wait()
		})
	}
}

// Whatever is closed first, the others go on or fail; none hangs.
func TestEveryOrderOfClosing(t *testing.T) {
	const rounds = 2000 / crossings
	before := descriptors(t)
	for i := range rounds {
		p := newPoller(t, 8)
		r, s := p.pair(1, R, []netpoll.PollOpt{level, edge, oneshot}[i%3])
		if i%2 == 0 {
			must(t, s.Set(R))
		}
		steps := []func(){
			func() { must(t, p.Close()) },
			func() { must(t, r.Close()) },
			func() { p.Deregister(r) },
			func() { s.Set(R) },
		}
		for left, k := steps, i/6; len(left) > 0; k /= 2 {
			j := k % len(left)
			left[j]()
			left = append(left[:j:j], left[j+1:]...)
		}
		wantErr(t, "Set", s.Set(R), os.ErrClosed)
	}
	// Descriptors are closed when the last call has left, at once here.
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

// descriptors returns the number of open descriptors, zero where the system
// does not tell.
func descriptors(t *testing.T) int {
	t.Helper()
	if runtime.GOOS == "windows" {
		return 0 // under Wine these are those of its threads, too
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if os.IsNotExist(err) {
		return 0
	}
	must(t, err)
	return len(entries)
}

func TestPollWithNothingRegisteredReturnsAfterItsTimeout(t *testing.T) {
	p := newPoller(t, 8)
	const asked = 20 * time.Millisecond
	before := time.Now()
	p.same(p.poll(asked), nil)
	if took := time.Since(before); took < asked {
		t.Errorf("returned after %v, asked for %v", took, asked)
	}
}

// Dropped without Close, a pair is collected: nothing holds it but its queue.
func TestForgottenPairIsCollected(t *testing.T) {
	p := newPoller(t, 8)
	gone := make(chan struct{})
	func() {
		r, s := p.pair(1, R, edge)
		runtime.AddCleanup(r, func(c chan struct{}) { close(c) }, gone)
		must(t, s.Set(R))
	}()
	p.expect(event{1, R})
	collected(t, gone)
}

// collected waits until gone is closed by a cleanup.
func collected(t *testing.T, gone chan struct{}) {
	t.Helper()
	within(t, "collection", func() {
		for {
			runtime.GC()
			select {
			case <-gone:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
}
