package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/goroutine"
	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/netpoll"
)

// Each test here failed once.

// onLoop calls f on the FD's loop and waits for that.
func onLoop(t testing.TB, fd *FD, f func()) {
	t.Helper()
	done := make(chan struct{})
	fd.Loop().Post(func() { f(); close(done) })
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("the loop is stuck")
	}
}

// What runs on a loop and closed an FD of that loop for which a Notice was set
// waited for that Notice, which waited for the loop.
func TestCloseOnTheLoopDoesNotWaitForANotice(t *testing.T) {
	for name, prepare := range map[string]func(a, b *FD){
		"that waits":              func(a, b *FD) {},
		"that has been canceled":  func(a, b *FD) {},
		"whose data is there":     func(a, b *FD) { b.Write([]byte("x")) },
		"whose deadline is past":  func(a, b *FD) { a.SetReadDeadline(time.Unix(1, 0)) },
		"that comes to an end":    func(a, b *FD) { b.Close() },
		"that waits with a timer": func(a, b *FD) { a.SetReadDeadline(time.Now().Add(time.Hour)) },
	} {
		for way, end := range map[string]func(*FD){
			"Close":  func(a *FD) { a.Close() },
			"Shut":   func(a *FD) { a.Shut() },
			"Detach": func(a *FD) { a.Detach() },
		} {
			t.Run(way+" with one "+name, func(t *testing.T) {
				a, b := pair(t, start(t, 1))
				sysfd := a.Sysfd()
				answer := make(chan error, 2)
				n := &Notice{To: RecipientFunc(func(err error) { answer <- err })}
				set, canceled := true, false
				onLoop(t, a, func() {
					if name == "whose deadline is past" {
						set = a.NotifyRead(n) == nil
						prepare(a, b)
					} else {
						prepare(a, b)
						set = a.NotifyRead(n) == nil
					}
					if name == "that has been canceled" {
						canceled = a.CancelRead(n)
					}
					end(a)
				})
				if !set {
					t.Fatal("the Notice was not set")
				}
				if !canceled {
					if err := <-answer; !errors.Is(err, net.ErrClosed) {
						t.Errorf("F was called with %v", err)
					}
				}
				none(t, b, answer)
				if way == "Detach" {
					os.NewFile(uintptr(sysfd), "").Close()
				}
			})
		}
	}
}

// The same while everything else happens: data, deadlines, cancellation, and
// Close from several sides. Every Notice gets exactly one answer.
func TestCloseOnTheLoopAtAnyTime(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 500
	}
	rt := start(t, 1)
	for range rounds {
		a, b := pair(t, rt)
		var answers, expected atomic.Int32
		var all sync.WaitGroup
		n := &Notice{To: RecipientFunc(func(error) { answers.Add(1) })}
		act := func(f func()) {
			pause := time.Duration(rand.IntN(30)) * time.Microsecond
			all.Go(func() {
				for until := time.Now().Add(pause); time.Now().Before(until); {
				}
				f()
			})
		}
		act(func() {
			if a.NotifyRead(n) == nil {
				expected.Add(1)
				if rand.IntN(4) == 0 && a.CancelRead(n) {
					expected.Add(-1)
				}
			}
		})
		act(func() { b.Write([]byte("x")) })
		act(func() { a.SetReadDeadline(time.Now().Add(time.Duration(rand.IntN(300)) * time.Microsecond)) })
		act(func() { onLoop(t, b, func() { a.Close() }) })
		if rand.IntN(3) == 0 {
			act(func() { a.Close() })
		}
		all.Wait()
		for range 3 { // what is queued has run after that
			onLoop(t, b, func() {})
		}
		if answers.Load() != expected.Load() {
			t.Fatalf("%d answers, want %d", answers.Load(), expected.Load())
		}
		b.Close()
	}
}

// Whoever was announced as a side's waiter may be run, and close the FD, before
// the one who has announced it comes to arm its deadline: the entry of a closed
// FD then stayed in the wheel until that time, and a Poll that has to be told
// was told of a registration that had ended. Here the closing always comes in
// between.
func TestNothingIsArmedForAClosedFD(t *testing.T) {
	rt := start(t, 1)
	a, _ := pair(t, rt)
	a.SetReadDeadline(time.Now().Add(time.Hour))
	ran := false
	n := &Notice{To: RecipientFunc(func(error) { ran = true })}
	a.r.take() // else the Notice would ask the system first
	if err := a.NotifyRead(n); err != nil {
		t.Fatal(err)
	}
	if n := rt.Loop(0).wheelLen(); n != 1 {
		t.Fatalf("%d entries in the wheel for a deadline that is waited for", n)
	}
	onLoop(t, a, func() { a.Close() })
	onLoop(t, a, func() {}) // the Notice was told before it
	if !ran {
		t.Error("the Notice was not told")
	}
	a.watched(&a.r)
	if n := rt.Loop(0).wheelLen(); n != 0 {
		t.Errorf("%d entries in the wheel for a closed FD", n)
	}
}

// refuse makes the Poll refuse to tell of fd, of which the next operation goes
// straight to waiting.
func refuse(t *testing.T, fd *FD) {
	t.Helper()
	fd.r.take()
	fd.w.take()
	if err := fd.Loop().poll.Detach(fd.polled); err != nil {
		t.Fatal(err)
	}
}

// A Poll that the system refused to tell of a socket said so to somebody who did
// not listen: the operation waited until its deadline, or for ever.
func TestRefusedWaitFails(t *testing.T) {
	if !netpoll.NeedsRearm {
		t.Skip("this system is asked for nothing that it could refuse")
	}
	rt := start(t, 1)
	wait := func(t *testing.T, done <-chan error) {
		t.Helper()
		select {
		case err := <-done:
			if !errors.Is(err, netpoll.ErrNotRegistered) {
				t.Errorf("the operation ended with %v, want what the Poll said", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the operation waits although nothing will tell it")
		}
	}
	goroutines := map[string]func(*FD) error{
		"Read":      func(fd *FD) error { _, err := fd.Read(make([]byte, 1)); return err },
		"Accept":    func(fd *FD) error { _, err := fd.Accept(new(sys.RawAddr)); return err },
		"WaitWrite": (*FD).WaitWrite,
		"RawRead":   func(fd *FD) error { return fd.RawRead(func(uintptr) bool { return false }) },
		"RawWrite":  func(fd *FD) error { return fd.RawWrite(func(uintptr) bool { return false }) },
	}
	for name, operation := range goroutines {
		t.Run(name, func(t *testing.T) {
			a, _ := pair(t, rt)
			refuse(t, a)
			done := make(chan error, 1)
			go func() { done <- operation(a) }()
			wait(t, done)
		})
		if !goroutine.Known {
			continue
		}
		t.Run(name+" of a coroutine", func(t *testing.T) {
			a, _ := pair(t, rt)
			refuse(t, a)
			done := make(chan error, 1)
			new(Coroutines).Go(rt.Loop(0), func() { done <- operation(a) })
			wait(t, done)
		})
	}
	t.Run("Notice", func(t *testing.T) {
		a, _ := pair(t, rt)
		refuse(t, a)
		n := &Notice{To: RecipientFunc(func(error) { t.Error("the recipient was told") })}
		done := make(chan error, 1)
		done <- a.NotifyRead(n)
		wait(t, done)
		if a.CancelRead(n) {
			t.Error("a Notice that was refused could be canceled")
		}
		done <- a.NotifyRead(n) // and nothing holds the lock
		wait(t, done)
	})
	t.Run("Notice that waits", func(t *testing.T) {
		a, _ := pair(t, rt)
		a.r.take()
		done := make(chan error, 1)
		n := &Notice{To: RecipientFunc(func(err error) { done <- err })}
		if err := a.NotifyRead(n); err != nil {
			t.Fatal(err)
		}
		onLoop(t, a, func() {
			refuse(t, a)
			if j := a.r.rouse(0); j != nil { // as an event without anything to read
				a.post(j)
			}
		})
		wait(t, done)
	})
	t.Run("Watch", func(t *testing.T) {
		a, _ := pair(t, rt)
		refuse(t, a)
		w, woken := watcher()
		done := make(chan error, 2)
		done <- a.WatchRead(w)
		wait(t, done)
		done <- a.WatchWrite(w)
		wait(t, done)
		quiet(t, a, woken)
	})
	t.Run("a Runtime that has ended", func(t *testing.T) {
		rt := start(t, 1)
		a, _ := pair(t, rt)
		a.r.take()
		if err := rt.Loop(0).poll.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read = %v, want net.ErrClosed", err)
		}
	})
}

// Whoever announces a job looks once more at what may have ended the wait before.
// By then the job may have been run, and another have taken its place: that was
// taken off the side, and never told.
func TestLateLookTakesNobodyOff(t *testing.T) {
	a, b := pair(t, start(t, 1))
	a.r.take() // else the Notice would ask the system first
	_, answer := notify(t, a)
	if a.lookAgain(&a.r, false) {
		t.Error("the wait of an open FD has ended")
	}
	none(t, a, answer)
	a.r.deadline.Store(1) // by somebody who has not come to tell
	if !a.lookAgain(&a.r, false) {
		t.Error("a deadline that has passed has not ended the wait")
	}
	if err := within(t, answer, "an answer"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("told %v", err)
	}
	a.r.deadline.Store(0)
	_, answer = notify(t, a)
	a.lookAgain(&a.r, true) // of another, which was canceled
	none(t, a, answer)
	b.Write([]byte("x"))
	if err := within(t, answer, "an answer"); err != nil {
		t.Errorf("told %v", err)
	}
	if _, err := a.Read(make([]byte, 1)); err != nil { // and nothing holds the lock
		t.Error(err)
	}
}

// A Notice whose NotifyRead was about to fail could be canceled all the same: its
// owner had two ends of it to deal with.
func TestNoticeFailsOrIsCanceled(t *testing.T) {
	rounds := 20000
	if testing.Short() {
		rounds = 2000
	}
	a, _ := pair(t, start(t, 1))
	a.SetReadDeadline(time.Unix(1, 0))
	for range rounds {
		n := &Notice{To: RecipientFunc(func(error) { t.Error("the recipient was told") })}
		var begun, over atomic.Bool
		canceled := make(chan bool)
		go func() {
			begun.Store(true)
			for !a.CancelRead(n) {
				goruntime.Gosched()
				if over.Load() {
					canceled <- false
					return
				}
			}
			canceled <- true
		}()
		for !begun.Load() {
			goruntime.Gosched()
		}
		err := a.NotifyRead(n)
		over.Store(true)
		if <-canceled == (err != nil) {
			t.Fatalf("canceled, and yet NotifyRead returned %v, or neither", err)
		}
	}
}

// What runs on a loop and closed an FD that a coroutine of the same loop was
// reading from waited for that coroutine, which waited for the loop.
func TestCloseOnTheLoopDoesNotWaitForACoroutine(t *testing.T) {
	if !goroutine.Known {
		t.Skip("goroutines can't be told apart on " + goruntime.GOARCH)
	}
	rt, err := New(Config{Loops: 1, Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	a, b := pair(t, rt)
	read := make(chan error, 1)
	new(Coroutines).Go(rt.Loop(0), func() {
		_, err := a.Read(make([]byte, 1))
		read <- err
	})
	waitFor(t, &a.r)
	onLoop(t, b, func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if err := a.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a second Close returned %v", err)
		}
	})
	if err := within(t, read, "the coroutine's Read"); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if n, err := b.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the peer's Read returned %d, %v", n, err)
	}
	b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := rt.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// A Shutdown that looked for what to close while an FD was being made could miss
// it: a listener went on listening, and what was to be closed since time was up
// waited for a loop that had ended.
func TestShutdownMissesNobody(t *testing.T) {
	// As if it had looked after the one had seen that the Runtime is not closing, and
	// before it was there to be found.
	late := start(t, 1)
	ends := socketPair(t)
	late.overdue.Store(true)
	if err := new(FD).Init(late, ends[0], Stream); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Init returned %v, want net.ErrClosed", err)
	}
	for _, s := range ends { // still the caller's
		if err := sys.Close(s); err != nil {
			t.Error(err)
		}
	}
	// And as it comes.
	rounds := 1000
	if testing.Short() {
		rounds = 200
	}
	for range rounds {
		rt, err := New(Config{Loops: 1})
		if err != nil {
			t.Fatal(err)
		}
		var makers sync.WaitGroup
		var made [4]*FD
		var begun atomic.Int32
		for i := range made {
			pair := socketPair(t)
			makers.Go(func() {
				defer sys.Close(pair[1])
				begun.Add(1)
				for begun.Load() <= int32(len(made)) { // and one more
					goruntime.Gosched()
				}
				fd := new(FD)
				if err := fd.Init(rt, pair[0], Stream); err != nil {
					sys.Close(pair[0])
					return
				}
				made[i] = fd
			})
		}
		for begun.Load() < int32(len(made)) {
			goruntime.Gosched()
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		begun.Add(1)
		rt.Shutdown(ended)
		makers.Wait()
		for _, fd := range made {
			if fd != nil && !fd.Closed() {
				t.Fatal("an FD is open and its loop has ended")
			}
		}
	}
}

// The end of a period in a wait that something else had ended was taken for one in the
// next wait: that one's first ended the bet, or made it a long one.
func TestPeriodsOfAnEndedWaitAreForgotten(t *testing.T) {
	var b bet
	now := int64(time.Hour)
	clock := func() int64 { return now }
	b.expired(clock)
	if b.lost() {
		t.Fatal("over with the first wait in vain")
	}
	now += int64(time.Second)
	if b.won(clock); b.gains != 1 {
		t.Error("a short wait is none")
	}
	b.expired(clock)
	b.spent = 0
	b.lost()
	if b.expired(clock) {
		t.Error("over with the first period of a wait")
	}
}

// Shutdown waited for a sleep of the watchdog, which is as long as its patience is.
func TestShutdownDoesNotWaitForThePatient(t *testing.T) {
	needCoroutines(t)
	rt, err := New(Config{Loops: 1, Patience: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var cs Coroutines
	ran := make(chan struct{})
	cs.Go(rt.Loop(0), func() { close(ran) })
	within(t, ran, "the coroutine runs")
	eventually(t, "the watchdog is awake", func() bool { return !rt.watchdog.asleep.Load() })
	ended := make(chan error)
	go func() { ended <- rt.Shutdown(context.Background()) }()
	if err := within(t, ended, "Shutdown"); err != nil {
		t.Error(err)
	}
}

// A function that RawRead called and that left data behind, by giving up at the
// deadline or by a panic, had spent the event that told of them: the next Read waited
// for another.
func TestRawReadLeavesWhatIsThere(t *testing.T) {
	for name, raw := range map[string]func(fd *FD) error{
		"deadline": func(fd *FD) error { return fd.RawRead(func(uintptr) bool { return false }) },
		"panic": func(fd *FD) error {
			defer func() { recover() }()
			return fd.RawRead(func(uintptr) bool { panic("on purpose") })
		},
		"exit": func(fd *FD) error {
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				fd.RawRead(func(uintptr) bool { goruntime.Goexit(); return true })
			}()
			<-gone
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t, start(t, 1))
			var buf [8]byte
			a.r.take() // or it is ready before the event
			if _, err := b.Write([]byte("abc")); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the event", func() bool {
				if netpoll.NeedsRearm { // only who waits is told
					return sys.Readable(a.Sysfd())
				}
				return a.r.state.Load()&ready != 0
			})
			if err := a.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if err := raw(a); name == "deadline" && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("RawRead returned %v", err)
			}
			if err := a.SetReadDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			read := make(chan int, 1)
			go func() { n, _ := a.Read(buf[:]); read <- n }()
			if n := within(t, read, "data that are there"); n != 3 {
				t.Errorf("read %d bytes, want 3", n)
			}
		})
	}
}

// A coroutine that was moved to goroutine mode and, when it was woken for nothing,
// moved again was counted twice.
func TestMovedCoroutineIsCountedOnce(t *testing.T) {
	rt := startWith(t, Config{Loops: 1})
	l := rt.Loop(0)
	var cs Coroutines
	fd, _ := rawPair(t, rt, l)
	cs.Go(l, func() { fd.Read(make([]byte, 1)) })
	waitFor(t, &fd.r)
	l.rife.Store(mono.After(time.Hour))
	for range 5 {
		fd.RouseRead()
		waitFor(t, &fd.r) // again
	}
	if st := cs.Stats(); st.Blocking != 1 {
		t.Errorf("while it runs: %+v", st)
	}
	l.rife.Store(0)
	fd.Close()
	eventually(t, "it ends", func() bool { return cs.Stats().Running == 0 })
	if st := cs.Stats(); st.Blocking != 0 {
		t.Errorf("after its end: %+v", st)
	}
}

// A coroutine in goroutine mode that closed what somebody else still used got back to a
// loop, which it then kept.
func TestClosingCoroutineIsNotResumed(t *testing.T) {
	rt := startWith(t, Config{Loops: 1})
	var cs Coroutines
	cs.score.Store(scoreMost) // new ones begin moved
	for range probe {
		fd, _ := rawPair(t, rt, rt.Loop(0))
		hold, held, closing, closed := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
		go fd.RawControl(func(uintptr) { close(held); <-hold })
		within(t, held, "somebody uses the descriptor")
		cs.started.Store(0) // it is none of those that are asked
		word := rt.Loop(0).word.Load()
		cs.Go(rt.Loop(0), func() { close(closing); fd.Close(); close(closed) })
		within(t, closing, "the coroutine closes it")
		time.AfterFunc(time.Millisecond, func() { close(hold) })
		within(t, closed, "Close")
		if rt.Loop(0).word.Load() != word {
			t.Fatal("a loop has resumed it")
		}
	}
	eventually(t, "all end", func() bool { return cs.Stats().Running == 0 })
	if st := cs.Stats(); st.TakeOvers != 0 || st.Blocking != 0 {
		t.Errorf("%+v", st)
	}
}

// A deadline that was still to come when the Runtime ended kept the memory of its loop.
func TestEndedRuntimeIsForgotten(t *testing.T) {
	gone := make(chan struct{})
	func() { // whose variables are forgotten too
		rt, err := New(Config{Loops: 1})
		if err != nil {
			t.Fatal(err)
		}
		goruntime.AddCleanup(rt.loops[0].poll, func(struct{}) { close(gone) }, struct{}{})
		var ends [2]FD
		for i, s := range socketPair(t) {
			if err := ends[i].Init(rt, s, Stream); err != nil {
				t.Fatal(err)
			}
		}
		if err := ends[0].SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		read := make(chan struct{})
		go func() { ends[0].Read(make([]byte, 1)); close(read) }()
		waitFor(t, &ends[0].r)
		ends[0].Close()
		ends[1].Close()
		within(t, read, "the end of Read")
		if err := rt.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
	}()
	eventually(t, "the collector takes it", func() bool {
		goruntime.GC()
		select {
		case <-gone:
			return true
		default:
			return false
		}
	})
}
