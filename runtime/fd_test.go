package runtime

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/internal/sockerr"
	"github.com/moor-net/moor/internal/sys"
)

// start returns a Runtime that ends with the test.
func start(t testing.TB, loops int) *Runtime {
	t.Helper()
	rt, err := New(Config{Loops: loops})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what a test left open is closed
		rt.Shutdown(ctx)
	})
	return rt
}

// pair returns two connected streams on rt.
func pair(t testing.TB, rt *Runtime) (a, b *FD) {
	t.Helper()
	return pairOn(t, rt, rt)
}

// pairOn is pair with the ends on two Runtimes.
func pairOn(t testing.TB, rts ...*Runtime) (a, b *FD) {
	t.Helper()
	ends := [2]*FD{new(FD), new(FD)}
	for i, s := range socketPair(t) {
		if err := ends[i].Init(rts[i], s, Stream); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { ends[0].Close(); ends[1].Close() })
	return ends[0], ends[1]
}

// waitFor waits until a goroutine sleeps on the side.
func waitFor(t testing.TB, s *side) {
	t.Helper()
	for end := time.Now().Add(time.Minute); s.state.Load()&occupied == 0; {
		if time.Now().After(end) {
			t.Fatal("nobody waits")
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// within fails the test if ch is not closed or sent to soon.
func within[T any](t testing.TB, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(time.Minute):
		t.Fatal("waited in vain: ", what)
	}
	return v
}

// fill writes until the peer's buffer is full.
func fill(t testing.TB, fd *FD) {
	t.Helper()
	fd.RawControl(func(s uintptr) {
		for chunk := make([]byte, 64<<10); ; {
			if _, errno := sys.Write(int(s), chunk); errno == syscall.EAGAIN {
				return
			} else if errno != 0 {
				t.Fatal(errno)
			}
		}
	})
}

func TestReadSleepsUntilDataComes(t *testing.T) {
	a, b := pair(t, start(t, 1))
	got := make(chan string)
	go func() {
		buf := make([]byte, 10)
		n, err := a.Read(buf)
		if err != nil {
			t.Error(err)
		}
		got <- string(buf[:n])
	}()
	waitFor(t, &a.r)
	if _, err := b.Write([]byte("foobar")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "foobar" {
		t.Fatalf("read %q", s)
	}
}

func TestWriteSleepsUntilSpaceComes(t *testing.T) {
	a, b := pair(t, start(t, 1))
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	wrote := make(chan error)
	go func() {
		n, err := a.Write(data)
		if n != len(data) && err == nil {
			err = io.ErrShortWrite
		}
		wrote <- err
	}()
	waitFor(t, &a.w)
	got := make([]byte, len(data))
	for n := 0; n < len(got); {
		m, err := b.Read(got[n:min(n+1000, len(got))])
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Fatal("the bytes differ")
	}
}

func TestEndOfStreamIsReturnedEveryTime(t *testing.T) {
	a, b := pair(t, start(t, 1))
	b.Write([]byte("x"))
	b.Close()
	buf := make([]byte, 10)
	if n, err := a.Read(buf); n != 1 || err != nil {
		t.Fatalf("Read = %d, %v; want the byte", n, err)
	}
	for range 3 {
		if n, err := a.Read(buf); n != 0 || err != io.EOF {
			t.Fatalf("Read = %d, %v; want 0, EOF", n, err)
		}
	}
}

// blocked are the ways to block on an FD, each with the side it blocks on.
var blocked = []struct {
	name string
	side fdmutex.Side
	call func(*FD) error
}{
	{"Read", fdmutex.Read, func(fd *FD) error { _, err := fd.Read(make([]byte, 1)); return err }},
	{"RawRead", fdmutex.Read, func(fd *FD) error { return fd.RawRead(func(uintptr) bool { return false }) }},
	{"Write", fdmutex.Write, func(fd *FD) error { _, err := fd.Write(make([]byte, 1<<20)); return err }},
	{"RawWrite", fdmutex.Write, func(fd *FD) error { return fd.RawWrite(func(uintptr) bool { return false }) }},
}

func (fd *FD) side(s fdmutex.Side) *side {
	if s == fdmutex.Read {
		return &fd.r
	}
	return &fd.w
}

func TestCloseEndsEveryBlockedCall(t *testing.T) {
	for _, c := range blocked {
		t.Run(c.name, func(t *testing.T) {
			a, _ := pair(t, start(t, 1))
			const callers = 3 // one sleeps on the side, the others on its lock
			got := make(chan error)
			for range callers {
				go func() { got <- c.call(a) }()
			}
			waitFor(t, a.side(c.side))
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			for range callers {
				if err := <-got; !errors.Is(err, net.ErrClosed) {
					t.Errorf("error %v, want net.ErrClosed", err)
				}
			}
			if err := c.call(a); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v, want net.ErrClosed", err)
			}
			if err := a.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("second Close: %v, want net.ErrClosed", err)
			}
		})
	}
}

func TestDeadlineSetDuringACallEndsIt(t *testing.T) {
	for _, c := range blocked {
		for name, d := range map[string]time.Duration{"soon": 3 * time.Millisecond, "past": -time.Second} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				a, _ := pair(t, start(t, 1))
				if c.side == fdmutex.Write {
					fill(t, a)
				}
				got := make(chan error)
				go func() { got <- c.call(a) }()
				waitFor(t, a.side(c.side))
				set := a.SetReadDeadline
				other := &a.w
				if c.side == fdmutex.Write {
					set, other = a.SetWriteDeadline, &a.r
				}
				due := time.Now().Add(d)
				set(due)
				err := <-got
				if !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("error %v, want os.ErrDeadlineExceeded", err)
				}
				if early := time.Until(due); early > 0 {
					t.Errorf("%v early", early)
				}
				if err := c.call(a); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("next call: %v, want the deadline's error again", err)
				}
				if other.expired() != nil {
					t.Error("the other direction has expired too")
				}
			})
		}
	}
}

func TestDeadlineThatMovesIsTheLastOneSet(t *testing.T) {
	a, b := pair(t, start(t, 1))
	got := make(chan error)
	read := func() { _, err := a.Read(make([]byte, 1)); got <- err }
	go read()
	for moved := false; !moved; {
		waitFor(t, &a.r)
		first := time.Now().Add(10 * time.Millisecond)
		a.SetReadDeadline(first)
		a.SetReadDeadline(time.Now().Add(time.Hour))
		inTime := time.Now().Before(first)
		select {
		case err := <-got:
			if inTime {
				t.Fatalf("the call ended with %v at a deadline that was moved", err)
			}
			go read() // the machine was busy: once more
		case <-time.After(20 * time.Millisecond):
			moved = true
		}
	}
	due := time.Now().Add(5 * time.Millisecond)
	a.SetReadDeadline(due)
	if err := <-got; !errors.Is(err, os.ErrDeadlineExceeded) || time.Now().Before(due) {
		t.Fatalf("error %v, %v before the deadline", err, time.Until(due))
	}
	a.SetReadDeadline(time.Time{})
	go b.Write([]byte("x"))
	if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatalf("Read = %d, %v after the deadline was cleared", n, err)
	}
}

func TestPastDeadlineWinsOverData(t *testing.T) {
	a, b := pair(t, start(t, 1))
	b.Write([]byte("x"))
	a.SetDeadline(time.Now())
	for range 2 {
		if n, err := a.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Read = %d, %v", n, err)
		}
		if n, err := a.Write([]byte("x")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	a.SetDeadline(time.Unix(1<<40, 0))
	if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Fatalf("Read = %d, %v with a far deadline", n, err)
	}
}

func TestClosedFDLeavesTheWheel(t *testing.T) {
	rt := start(t, 1)
	a, b := pair(t, rt)
	a.SetReadDeadline(time.Now().Add(time.Hour))
	done := make(chan struct{})
	go func() { a.Read(make([]byte, 1)); close(done) }()
	waitFor(t, &a.r)
	for rt.Stats().Loops[0].Timers == 0 {
		time.Sleep(time.Millisecond)
	}
	b.Write([]byte("x"))
	<-done
	if n := rt.Stats().Loops[0].Timers; n != 1 {
		t.Errorf("%d timers after the call, want the one that stays", n)
	}
	a.Close()
	if n := rt.Stats().Loops[0].Timers; n != 0 {
		t.Errorf("%d timers after Close", n)
	}
}

func TestDuplicateDoesNotKeepARegistration(t *testing.T) {
	rt := start(t, 1)
	a, b := pair(t, rt)
	dup, err := a.Dup()
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(dup)
	a.Close()
	c, d := pair(t, rt) // certainly handled after an event of the duplicate
	for range 2 {       // the first events of all have been handled after that
		onLoop(t, b, func() {})
	}
	before := rt.Stats().Loops[0].Turns
	b.Write([]byte("x"))
	go d.Write([]byte("y"))
	c.Read(make([]byte, 1))
	if after := rt.Stats().Loops[0].Turns; after > before+4 {
		t.Errorf("%d turns: the duplicate keeps the loop busy", after-before)
	}
}

func TestShutdownWaitsForConnections(t *testing.T) {
	rt := start(t, 2)
	a, b := pair(t, rt)
	done := make(chan error)
	go func() { done <- rt.Shutdown(context.Background()) }()
	for !rt.closing.Load() {
		time.Sleep(time.Millisecond)
	}
	if err := new(FD).Init(rt, -1, Stream); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Init during Shutdown: %v, want net.ErrClosed", err)
	}
	go b.Write([]byte("x"))
	if n, err := a.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("Read = %d, %v during Shutdown", n, err)
	}
	a.Close()
	select {
	case err := <-done:
		t.Fatalf("Shutdown returned %v with a connection left", err)
	default:
	}
	b.Close()
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := rt.Shutdown(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Shutdown: %v, want net.ErrClosed", err)
	}
}

func TestShutdownClosesWhatIsLeftWhenTimeIsUp(t *testing.T) {
	rt := start(t, 2)
	a, _ := pairOn(t, rt, start(t, 1)) // a peer that is closed too could be seen first
	got := make(chan error)
	go func() { _, err := a.Read(make([]byte, 1)); got <- err }()
	waitFor(t, &a.r)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := rt.Shutdown(ctx); err != context.DeadlineExceeded {
		t.Errorf("Shutdown: %v, want the context's error", err)
	}
	if err := <-got; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read: %v, want net.ErrClosed", err)
	}
}

func TestConnectionsGoToTheLeastLoadedLoop(t *testing.T) {
	rt := start(t, 3)
	var fds []*FD
	for range 9 {
		a, b := pair(t, rt)
		fds = append(fds, a, b)
	}
	for i, l := range rt.Stats().Loops {
		if l.Conns != 6 {
			t.Errorf("loop %d has %d descriptors, want 6", i, l.Conns)
		}
	}
	emptied := fds[0].Loop()
	for _, fd := range fds {
		if fd.Loop() == emptied {
			fd.Close()
		}
	}
	for range 3 {
		a, b := pair(t, rt)
		if a.Loop() != emptied || b.Loop() != emptied {
			t.Error("a new connection went to a fuller loop")
		}
	}
}

// Readers, writers, deadlines and closers on one pair in every order: all
// calls return, with an error that is right, and nothing is left over.
func TestRandomSchedulesLeaveNothing(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	rt := start(t, 2)
	before := openFDs(t)
	var wg sync.WaitGroup
	for range rounds {
		a, b := pair(t, rt)
		check := func(err error) {
			if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) &&
				!sockerr.Broken(err) && err != io.EOF {
				t.Errorf("unexpected error %v", err)
			}
		}
		for _, end := range []*FD{a, b} {
			wg.Go(func() { _, err := end.Read(make([]byte, 16)); check(err) })
			wg.Go(func() { _, err := end.Write(make([]byte, 8)); check(err) })
			wg.Go(func() { check(end.SetDeadline(time.Now().Add(time.Millisecond))) })
			wg.Go(func() { _, err := end.Read(make([]byte, 16)); check(err) })
			wg.Go(func() { check(end.Close()) })
		}
		wg.Wait()
	}
	if n := rt.Stats().Conns(); n != 0 {
		t.Errorf("%d descriptors are still counted", n)
	}
	if n := rt.Stats().Loops[0].Timers + rt.Stats().Loops[1].Timers; n != 0 {
		t.Errorf("%d timers are left", n)
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors open, %d before", after, before)
	}
}

// A deadline that is there already is not set again, but a closed FD says so.
func TestDeadlineThatIsThereAlready(t *testing.T) {
	a, _ := pair(t, start(t, 1))
	past := time.Unix(1, 0)
	for range 2 {
		if err := a.SetDeadline(past); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(make([]byte, 1)); err != os.ErrDeadlineExceeded {
			t.Fatalf("Read: %v", err)
		}
	}
	for range 2 {
		if err := a.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
	for _, at := range []time.Time{{}, past} {
		for _, set := range []func(time.Time) error{a.SetDeadline, a.SetReadDeadline, a.SetWriteDeadline} {
			if err := set(at); err != net.ErrClosed {
				t.Errorf("after Close: %v", err)
			}
		}
	}
}
