package runtime

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	goruntime "runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/netpoll"
)

// notify registers a Notice and returns where its answer comes.
func notify(t testing.TB, fd *FD) (n *Notice, answer <-chan error) {
	t.Helper()
	c := make(chan error, 2) // room for a second call, which must not come
	n = &Notice{To: RecipientFunc(func(err error) { c <- err })}
	if err := fd.NotifyRead(n); err != nil {
		t.Fatal(err)
	}
	return n, c
}

// none fails if an answer has come although it had time to.
func none(t testing.TB, fd *FD, answer <-chan error) {
	t.Helper()
	turn := make(chan struct{})
	for range 2 { // events that were there have been handled after that
		fd.Loop().Post(func() { turn <- struct{}{} })
		<-turn
	}
	select {
	case err := <-answer:
		t.Fatalf("F was called with %v", err)
	default:
	}
}

func TestNoticeIsExactAboutDataThere(t *testing.T) {
	a, b := pair(t, start(t, 1))
	_, answer := notify(t, a)
	none(t, a, answer)
	b.Write([]byte("xy"))
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	_, answer = notify(t, a) // the data is still there
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
	if n, err := a.Read(make([]byte, 2)); n != 2 || err != nil {
		t.Fatalf("Read = %d, %v", n, err)
	}
	_, answer = notify(t, a) // although the side may take itself for ready
	none(t, a, answer)
	b.Close()
	if err := <-answer; err != nil {
		t.Fatalf("end of stream: %v", err)
	}
	if n, err := a.Read(make([]byte, 2)); n != 0 || err != io.EOF {
		t.Fatalf("Read = %d, %v", n, err)
	}
}

func TestNoticeEndsWithCloseDeadlineAndShutdown(t *testing.T) {
	rt := start(t, 1)
	a, _ := pair(t, rt)
	_, answer := notify(t, a)
	a.Close()
	if err := <-answer; err != net.ErrClosed {
		t.Errorf("Close: %v", err)
	}
	if err := a.NotifyRead(&Notice{}); err != net.ErrClosed {
		t.Errorf("after Close: %v", err)
	}

	b, _ := pair(t, rt)
	_, answer = notify(t, b)
	due := time.Now().Add(3 * time.Millisecond)
	b.SetReadDeadline(due)
	if err := <-answer; err != os.ErrDeadlineExceeded || time.Now().Before(due) {
		t.Errorf("deadline: %v, %v early", err, time.Until(due))
	}
	if err := b.NotifyRead(&Notice{}); err != os.ErrDeadlineExceeded {
		t.Errorf("after the deadline: %v", err)
	}
	b.SetReadDeadline(time.Time{})
	_, answer = notify(t, b)
	b.SetReadDeadline(time.Unix(1, 0))
	if err := <-answer; err != os.ErrDeadlineExceeded {
		t.Errorf("past deadline: %v", err)
	}

	other := start(t, 1)
	c, _ := pairOn(t, other, rt)
	_, answer = notify(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	other.Shutdown(ctx)
	if err := <-answer; err != net.ErrClosed {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestNoticeKeepsReadersOutAndViceVersa(t *testing.T) {
	a, b := pair(t, start(t, 1))
	n, answer := notify(t, a)
	if err := a.NotifyRead(&Notice{}); err != ErrBusy {
		t.Errorf("second Notice: %v, want ErrBusy", err)
	}
	read := make(chan error)
	go func() { _, err := a.Read(make([]byte, 1)); read <- err }()
	if !a.CancelRead(n) || a.CancelRead(n) {
		t.Error("CancelRead does not succeed exactly once")
	}
	waitFor(t, &a.r) // the reader
	if err := a.NotifyRead(&Notice{}); err != ErrBusy {
		t.Errorf("with a reader: %v, want ErrBusy", err)
	}
	b.Write([]byte("x"))
	if err := <-read; err != nil {
		t.Error(err)
	}
	none(t, a, answer)
}

func TestNoticeMayBeUsedAgainFromItsFunction(t *testing.T) {
	a, b := pair(t, start(t, 1))
	const rounds = 1000
	got := make(chan int)
	var buf, out [8]byte
	n := new(Notice)
	n.To = RecipientFunc(func(err error) {
		if err != nil {
			return // the end of the test
		}
		k, err := a.Read(buf[:])
		if err != nil {
			t.Error(err)
		}
		if err := a.NotifyRead(n); err != nil {
			t.Error(err)
		}
		got <- k
	})
	if err := a.NotifyRead(n); err != nil {
		t.Fatal(err)
	}
	if allocs := testing.AllocsPerRun(rounds, func() {
		b.Write(out[:3])
		if k := <-got; k != 3 {
			t.Errorf("read %d bytes", k)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations a round", allocs)
	}
}

// Notices, readers, cancellations, deadlines and Close in every order: each
// Notice answers once or was canceled, and nothing is left over.
func TestNoticesInEveryOrder(t *testing.T) {
	rounds := 20000
	if testing.Short() {
		rounds = 2000
	}
	rt := start(t, 2)
	for range rounds {
		a, b := pair(t, rt)
		var wg sync.WaitGroup
		var pending atomic.Int32
		for range 2 {
			wg.Go(func() {
				for range 1 + rand.IntN(3) {
					done := make(chan error, 2)
					n := &Notice{To: RecipientFunc(func(err error) { done <- err })}
					if err := a.NotifyRead(n); err != nil {
						continue // busy, closed, expired
					}
					pending.Add(1)
					if rand.IntN(2) == 0 {
						goruntime.Gosched()
					}
					if rand.IntN(3) == 0 && a.CancelRead(n) {
						pending.Add(-1)
						continue
					}
					err := <-done
					pending.Add(-1)
					if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("answer %v", err)
					}
					if len(done) > 0 {
						t.Error("a second answer")
					}
				}
			})
		}
		wg.Go(func() { a.Read(make([]byte, 1)) })
		wg.Go(func() { a.SetReadDeadline(time.Now().Add(time.Duration(rand.IntN(200)) * time.Microsecond)) })
		wg.Go(func() { b.Write([]byte("xy")) })
		wg.Go(func() {
			for range rand.IntN(4) {
				goruntime.Gosched()
			}
			a.Close()
		})
		wg.Wait()
		b.Close()
		if n := pending.Load(); n != 0 {
			t.Fatalf("%d Notices unanswered", n)
		}
	}
	if n := rt.Stats().Conns(); n != 0 {
		t.Errorf("%d descriptors are still counted", n)
	}
}

// Whoever is told that there is something to read finds it, whatever events of
// what others have read are under way.
func TestNoticeIsExactAmongReads(t *testing.T) {
	rounds := 20000
	if testing.Short() {
		rounds = 2000
	}
	rt := start(t, 2)
	a, b := pair(t, rt)
	a.SetReadDeadline(time.Now().Add(time.Minute))
	sent := make(chan int, 8)
	go func() {
		defer close(sent)
		for range rounds {
			n := 1 + rand.IntN(3)
			for range n { // each may have an event of its own
				b.Write([]byte("x"))
			}
			sent <- n
		}
	}()
	answer := make(chan error, 1)
	n := &Notice{To: RecipientFunc(func(err error) { answer <- err })}
	buf := make([]byte, 16)
	read, expected := 0, 0
	for more := range sent {
		for expected += more; read < expected; {
			if rand.IntN(2) == 0 { // by a Read that waits
				k, err := a.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				read += k
				continue
			}
			if err := a.NotifyRead(n); err != nil {
				t.Fatal(err)
			}
			if err := <-answer; err != nil {
				t.Fatal(err)
			}
			k, err := a.TryRead(buf)
			if err != nil {
				t.Fatalf("after %d bytes: told that there is something to read, but %v", read, err)
			}
			read += k
		}
	}
}

// An event that the kernel was asked for after a Notice had begun to wait is
// believed, which saves a system call; one that may be older is not.
func TestNoticeBelievesFreshEvents(t *testing.T) {
	if !netpoll.Fresh {
		t.Skip("here events may always be old")
	}
	a, b := pair(t, start(t, 1))
	l := a.Loop()
	n, answer := notify(t, a)
	none(t, a, answer)
	onLoop := func(f func()) {
		done := make(chan struct{})
		l.Post(func() { f(); close(done) })
		<-done
	}
	onLoop(func() {
		n.turn = uint16(l.turns.Load()) // as if it had begun to wait just now
		a.deliver(netpoll.Readable)
	})
	none(t, a, answer)
	onLoop(func() { a.deliver(netpoll.Readable | netpoll.Hup) })
	none(t, a, answer) // others have taken the error that came with it
	a.r.state.And(^uint32(pressing))
	onLoop(func() { a.deliver(netpoll.Readable) })
	if err := <-answer; err != nil {
		t.Error(err)
	}
	b.Close()
}

func TestPostedFunctionsRunInOrder(t *testing.T) {
	rt := start(t, 1)
	l := rt.loops[0]
	const each = 1000
	var mu sync.Mutex
	last := map[int]int{}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 1; i <= each; i++ {
				l.Post(func() {
					mu.Lock()
					defer mu.Unlock()
					if last[g] != i-1 {
						t.Errorf("goroutine %d: %d ran after %d", g, i, last[g])
					}
					last[g] = i
				})
			}
		})
	}
	wg.Wait()
	done := make(chan struct{})
	l.Post(func() { l.Post(func() { close(done) }) })
	<-done
	for g := range 4 {
		if last[g] != each {
			t.Errorf("goroutine %d: %d of %d ran", g, last[g], each)
		}
	}
}

func TestNoticeOnAListenerTellsOfConnections(t *testing.T) {
	rt := start(t, 1)
	s, err := sys.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Bind(s, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sys.Listen(s, 8)
	ln := new(FD)
	if err := ln.Init(rt, s, Listener); err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, answer := notify(t, ln)
	none(t, ln, answer)
	sa, _ := sys.Getsockname(s)
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(sa.(*syscall.SockaddrInet4).Port)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := <-answer; err != nil {
		t.Fatal(err)
	}
}
