//go:build unix

package binding_test

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

// A pipe's read end is the object of these tests.
type object struct {
	binding.Binding
	fd   *binding.OwnedHandle
	peer *binding.OwnedHandle // the write end
}

func newObject(t *testing.T) *object {
	t.Helper()
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		t.Fatal(err)
	}
	for _, fd := range p {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	o := &object{fd: binding.FromRawHandle(binding.RawHandle(p[0])), peer: binding.FromRawHandle(binding.RawHandle(p[1]))}
	t.Cleanup(func() {
		o.Close()
		o.peer.Close()
	})
	return o
}

func (o *object) Register(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return o.RegisterHandle(o.fd.AsHandle(), p, token, interest, opts)
}

func (o *object) Reregister(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return o.ReregisterHandle(o.fd.AsHandle(), p, token, interest, opts)
}

func (o *object) Deregister(p *netpoll.Poll) error {
	return o.DeregisterHandle(o.fd.AsHandle(), p)
}

func (o *object) Close() error {
	o.Forget()
	return o.fd.Close()
}

// ready makes the object readable.
func (o *object) ready(t *testing.T) {
	t.Helper()
	err := o.peer.Use(func(fd binding.RawHandle) {
		if _, err := unix.Write(int(fd), []byte("x")); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// duplicate returns a duplicate of the object that shares its binding.
func (o *object) duplicate(t *testing.T) *object {
	t.Helper()
	fd, err := o.fd.TryClone()
	if err != nil {
		t.Fatal(err)
	}
	d := &object{fd: fd, peer: o.peer}
	t.Cleanup(func() { d.Close() })
	if err := o.ShareWith(&d.Binding); err != nil {
		t.Fatal(err)
	}
	return d
}

func newPoll(t *testing.T) *netpoll.Poll {
	t.Helper()
	p, err := netpoll.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// tokens polls once, without blocking, and returns the tokens of the events.
func tokens(t *testing.T, p *netpoll.Poll) []netpoll.Token {
	t.Helper()
	events := netpoll.NewEvents(16)
	if _, err := p.Poll(events, 0); err != nil {
		t.Fatal(err)
	}
	var list []netpoll.Token
	for ev := range events.All() {
		list = append(list, ev.Token())
	}
	return list
}

func mustMatch(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func TestBindingIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(binding.Binding{}); size > 24 {
		t.Errorf("a Binding takes %d bytes, want at most 24", size)
	}
}

func TestBlankBindingIsNotRegistered(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	mustMatch(t, "Reregister", p.Reregister(o, 1, netpoll.Readable, 0), netpoll.ErrNotRegistered)
	mustMatch(t, "Deregister", p.Deregister(o), netpoll.ErrNotRegistered)
	must(t, "Release", o.Release())
	o.Forget()
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
}

func TestRegisteringTwiceIsRefused(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	mustMatch(t, "second Register", p.Register(o, 2, netpoll.Readable, 0), netpoll.ErrAlreadyRegistered)
	o.ready(t)
	if got := tokens(t, p); len(got) != 1 || got[0] != 1 {
		t.Errorf("tokens %v, want the first one's", got)
	}
}

func TestSecondPollIsRefusedByEveryCall(t *testing.T) {
	p, other, o := newPoll(t), newPoll(t), newObject(t)
	refused := func(state string) {
		t.Helper()
		mustMatch(t, state+": Register", other.Register(o, 1, netpoll.Readable, 0), netpoll.ErrOtherPoll)
		mustMatch(t, state+": Reregister", other.Reregister(o, 1, netpoll.Readable, 0), netpoll.ErrOtherPoll)
		mustMatch(t, state+": Deregister", other.Deregister(o), netpoll.ErrOtherPoll)
	}
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	refused("registered")
	must(t, "Deregister", p.Deregister(o))
	refused("deregistered")
	must(t, "Register again", p.Register(o, 1, netpoll.Readable, 0))
	must(t, "Close", p.Close())
	refused("first Poll closed")
}

func TestFailedRegisterLeavesTheBindingBlank(t *testing.T) {
	p, other, o := newPoll(t), newPoll(t), newObject(t)
	file, err := os.CreateTemp(t.TempDir(), "regular")
	must(t, "CreateTemp", err)
	defer file.Close()
	regular := binding.BorrowRawHandle(binding.RawHandle(file.Fd()))
	mustMatch(t, "registering a regular file", o.RegisterHandle(regular, p, 1, netpoll.Readable, 0), unix.EPERM)
	must(t, "Register with another Poll", other.Register(o, 1, netpoll.Readable, 0))
}

func TestReregisteredTokenIsDelivered(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, netpoll.Edge))
	o.ready(t)
	must(t, "Reregister", p.Reregister(o, 2, netpoll.Readable, netpoll.Edge))
	if got := tokens(t, p); len(got) != 1 || got[0] != 2 {
		t.Errorf("tokens %v, want [2]", got)
	}
}

func TestNothingIsDeliveredAfterDeregisterAndForget(t *testing.T) {
	p, a, b := newPoll(t), newObject(t), newObject(t)
	must(t, "Register", p.Register(a, 1, netpoll.Readable, 0))
	must(t, "Register", p.Register(b, 2, netpoll.Readable, 0))
	a.ready(t)
	b.ready(t)
	must(t, "Deregister", p.Deregister(a))
	b.Forget()
	if got := tokens(t, p); got != nil {
		t.Errorf("tokens %v, want none", got)
	}
	mustMatch(t, "Deregister again", p.Deregister(a), netpoll.ErrNotRegistered)
	mustMatch(t, "Deregister after Forget", p.Deregister(b), netpoll.ErrNotRegistered)
}

func TestReleaseLetsAnotherPollHaveTheObject(t *testing.T) {
	p, other, o := newPoll(t), newPoll(t), newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	mustMatch(t, "Release while registered", o.Release(), netpoll.ErrAlreadyRegistered)
	must(t, "Deregister", p.Deregister(o))
	must(t, "Release", o.Release())
	must(t, "Register with another Poll", other.Register(o, 2, netpoll.Readable, 0))
	o.ready(t)
	if got := tokens(t, other); len(got) != 1 || got[0] != 2 {
		t.Errorf("tokens %v, want [2]", got)
	}
}

func TestPollMayCloseBeforeItsObjects(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	must(t, "Close", p.Close())
	mustMatch(t, "Reregister", p.Reregister(o, 1, netpoll.Readable, 0), os.ErrClosed)
	mustMatch(t, "Deregister", p.Deregister(o), os.ErrClosed)
	must(t, "Release", o.Release())
	other := newPoll(t)
	must(t, "Register with another Poll", other.Register(o, 1, netpoll.Readable, 0))
	must(t, "Close", o.Close())
}

func TestBindingKeepsItsPollAlive(t *testing.T) {
	collected := make(chan struct{})
	o := newObject(t)
	func() {
		p := collectablePoll(t)
		runtime.AddCleanup(p, func(ch chan struct{}) { close(ch) }, collected)
		must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	}()
	for range 3 {
		runtime.GC()
	}
	select {
	case <-collected:
		t.Error("the Poll of a registered object was collected")
	default:
	}
	o.Forget()
	must(t, "Release", o.Release())
	for {
		runtime.GC()
		select {
		case <-collected:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// collectablePoll returns a Poll that nothing else refers to.
func collectablePoll(t *testing.T) *netpoll.Poll {
	t.Helper()
	p, err := netpoll.New()
	must(t, "New", err)
	return p
}

// Of two Polls that register an object at the same time exactly one gets it.
func TestConcurrentRegisterWithTwoPollsHasOneWinner(t *testing.T) {
	polls := [2]*netpoll.Poll{newPoll(t), newPoll(t)}
	for range 200 {
		o := newObject(t)
		var errs [2]error
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i, p := range polls {
			wg.Go(func() {
				<-start
				errs[i] = p.Register(o, netpoll.Token(i), netpoll.Readable, 0)
			})
		}
		close(start)
		wg.Wait()
		won, lost := errs[0], errs[1]
		if won != nil {
			won, lost = lost, won
		}
		if won != nil || !errors.Is(lost, netpoll.ErrOtherPoll) {
			t.Fatalf("errors %v and %v, want none and ErrOtherPoll", errs[0], errs[1])
		}
		o.Close()
		o.peer.Close()
	}
}

// Concurrent updates are all applied: as many Registers as Deregisters
// succeed, and what was done last is what counts.
func TestConcurrentUpdatesAreAllApplied(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	o.ready(t)
	done := make(chan struct{})
	var poller sync.WaitGroup
	poller.Go(func() {
		events := netpoll.NewEvents(4)
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := p.Poll(events, time.Millisecond); err != nil {
				t.Error(err)
				return
			}
			for ev := range events.All() {
				if ev.Token() >= 4 {
					t.Errorf("token %d", ev.Token())
				}
			}
		}
	})
	var mu sync.Mutex
	registered, deregistered := 0, 0
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for range 500 {
				r := p.Register(o, netpoll.Token(g), netpoll.Readable, netpoll.Level)
				u := p.Reregister(o, netpoll.Token(g), netpoll.Readable, netpoll.Edge)
				d := p.Deregister(o)
				for what, err := range map[string]error{"Register": r, "Reregister": u, "Deregister": d} {
					if err != nil && !errors.Is(err, netpoll.ErrAlreadyRegistered) && !errors.Is(err, netpoll.ErrNotRegistered) {
						t.Errorf("%s: %v", what, err)
					}
				}
				mu.Lock()
				if r == nil {
					registered++
				}
				if d == nil {
					deregistered++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	close(done)
	p.Wake()
	poller.Wait()
	if registered != deregistered || registered == 0 {
		t.Errorf("%d Registers and %d Deregisters succeeded, want the same number", registered, deregistered)
	}
	if got := tokens(t, p); got != nil {
		t.Errorf("tokens %v after the last Deregister", got)
	}
	must(t, "Register", p.Register(o, 9, netpoll.Readable, netpoll.Level))
	if got := tokens(t, p); len(got) != 1 || got[0] != 9 {
		t.Errorf("tokens %v, want [9]", got)
	}
}

func TestRegisteringAllocatesNothing(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	var err error
	allocs := testing.AllocsPerRun(100, func() {
		err = errors.Join(err,
			p.Register(o, 1, netpoll.Readable, netpoll.Edge),
			p.Reregister(o, 2, netpoll.Readable, netpoll.Edge),
			p.Deregister(o))
	})
	must(t, "registering", err)
	if allocs != 0 {
		t.Errorf("%v allocations a round, want none", allocs)
	}
}

// After Rearm the next readiness is an event, however quickly it comes.
func TestRearmAsksForTheNextEvent(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	var want error
	if netpoll.NeedsRearm {
		want = netpoll.ErrNotRegistered
	}
	mustMatch(t, "Rearm of what is not registered", o.Rearm(netpoll.Readable), want)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, netpoll.Edge))
	buf := make([]byte, 16)
	for range 50 {
		o.ready(t)
		if got := tokens(t, p); len(got) != 1 {
			t.Fatalf("tokens %v, want one", got)
		}
		must(t, "Use", o.fd.Use(func(fd binding.RawHandle) {
			unix.Read(int(fd), buf)
			if _, err := unix.Read(int(fd), buf); err != unix.EAGAIN {
				t.Fatalf("read: %v, want to block", err)
			}
		}))
		must(t, "Rearm", o.Rearm(netpoll.Readable))
	}
}

func TestClosedObjectIsNotRegistered(t *testing.T) {
	p, o := newPoll(t), newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, 0))
	must(t, "Close", o.fd.Close()) // without Forget
	mustMatch(t, "Reregister", p.Reregister(o, 1, netpoll.Readable, 0), os.ErrClosed)
	mustMatch(t, "Deregister", p.Deregister(o), os.ErrClosed)
	must(t, "Release", o.Release())
	mustMatch(t, "Register", p.Register(o, 1, netpoll.Readable, 0), os.ErrClosed)
}

func BenchmarkRegisterDeregister(b *testing.B) {
	p, err := netpoll.New()
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fd := binding.BorrowRawHandle(binding.RawHandle(r.Fd()))
	var bind binding.Binding
	b.ReportAllocs()
	for b.Loop() {
		if err := bind.RegisterHandle(fd, p, 1, netpoll.Readable, netpoll.Edge); err != nil {
			b.Fatal(err)
		}
		if err := bind.DeregisterHandle(fd, p); err != nil {
			b.Fatal(err)
		}
	}
}
