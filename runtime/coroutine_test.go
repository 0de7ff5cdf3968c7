package runtime

import (
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"os"
	goruntime "runtime"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/goroutine"
	"github.com/moor-net/moor/internal/sys"
)

// These tests are about what coroutines do, not about those that must do
// without.
func needCoroutines(t testing.TB) {
	t.Helper()
	if !goroutine.Known {
		t.Skip("goroutines can't be told apart on " + goruntime.GOARCH)
	}
}

// startPatient is start with a loop that nobody takes over: a test that waits
// for it to be free waits for ever.
func startPatient(t testing.TB, loops int) *Runtime {
	t.Helper()
	return startWith(t, Config{Loops: loops, Patience: -1})
}

func startWith(t testing.TB, config Config) *Runtime {
	t.Helper()
	needCoroutines(t)
	rt, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		rt.Shutdown(ctx)
	})
	return rt
}

// rawPair returns a stream on rt and the descriptor of its blocking peer.
func rawPair(t testing.TB, rt *Runtime, l *Loop) (fd *FD, peer int) {
	t.Helper()
	fds := socketPair(t)
	blockAMinute(t, fds[1])
	fd = new(FD)
	fd.Place(l)
	if err := fd.Init(rt, fds[0], Stream); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fd.Close(); sys.Close(fds[1]) })
	return fd, fds[1]
}

// exchange sends a byte and returns the one that comes back.
func exchange(t testing.TB, peer int, b byte) byte {
	t.Helper()
	buf := []byte{b}
	if _, err := writePeer(peer, buf); err != nil {
		t.Fatal(err)
	}
	return receive(t, peer)
}

func receive(t testing.TB, peer int) byte {
	t.Helper()
	var buf [1]byte
	if n, err := readPeer(peer, buf[:]); n != 1 || err != nil {
		t.Fatalf("no answer: %d, %v", n, err)
	}
	return buf[0]
}

// echoBytes answers each byte with the next one until the stream ends.
func echoBytes(fd *FD) func() {
	return func() {
		buf := make([]byte, 1)
		for {
			if _, err := fd.Read(buf); err != nil {
				return
			}
			buf[0]++
			if _, err := fd.Write(buf); err != nil {
				return
			}
		}
	}
}

// eventually waits until f is true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !f(); {
		if time.Now().After(end) {
			t.Fatal("waited in vain: ", what)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// Many coroutines take turns on a loop that nobody ever takes over.
func TestCoroutinesShareALoop(t *testing.T) {
	rt := startPatient(t, 1)
	var cs Coroutines
	var peers []int
	for range 50 {
		fd, peer := rawPair(t, rt, rt.Loop(0))
		cs.Go(fd.Loop(), echoBytes(fd))
		peers = append(peers, peer)
	}
	for b := range byte(20) {
		for _, peer := range peers {
			if got := exchange(t, peer, b); got != b+1 {
				t.Fatalf("%d came back as %d", b, got)
			}
		}
	}
	if st := cs.Stats(); st.Running != 50 || st.TakeOvers != 0 || st.Blocking != 0 {
		t.Errorf("%+v", st)
	}
	for _, peer := range peers {
		endPeer(peer)
	}
	eventually(t, "all coroutines end", func() bool { return cs.Stats().Running == 0 })
	eventually(t, "they are forgotten", func() bool { return registered.n.Load() == 0 })
}

// A coroutine may wait for any FD of the Runtime, and is resumed by its loop.
func TestCoroutineWaitsOnSeveralLoops(t *testing.T) {
	rt := startPatient(t, 3)
	var cs Coroutines
	var fds [3]*FD
	var peers [3]int
	for i := range fds {
		fds[i], peers[i] = rawPair(t, rt, rt.Loop(i))
	}
	cs.Go(rt.Loop(0), func() {
		buf := make([]byte, 1)
		for i := 0; ; i++ {
			if _, err := fds[i%3].Read(buf); err != nil {
				return
			}
			fds[i%3].Write(buf)
		}
	})
	for i := range 300 {
		if got := exchange(t, peers[i%3], byte(i)); got != byte(i) {
			t.Fatal("got", got)
		}
	}
	if n := cs.Stats().TakeOvers; n != 0 {
		t.Errorf("%d take-overs", n)
	}
}

// Reads of other goroutines block as ever.
func TestCoroutineAndGoroutineShareAnFD(t *testing.T) {
	rt := startPatient(t, 1)
	var cs Coroutines
	fd, peer := rawPair(t, rt, rt.Loop(0))
	got := make(chan byte, 2)
	read := func() {
		var buf [1]byte
		if _, err := fd.Read(buf[:]); err == nil {
			got <- buf[0]
		}
	}
	cs.Go(fd.Loop(), read)
	waitFor(t, &fd.r)
	go read()
	writePeer(peer, []byte{1})
	within(t, got, "the coroutine's byte")
	writePeer(peer, []byte{2})
	if b := within(t, got, "the goroutine's byte"); b != 2 {
		t.Error("got", b)
	}
}

// A goroutine that gets the structure of an ended coroutine is not taken for it.
func TestEndedCoroutineIsForgotten(t *testing.T) {
	rt := startPatient(t, 1)
	fd, peer := rawPair(t, rt, rt.Loop(0))
	var cs Coroutines
	for range 50 {
		var wg sync.WaitGroup
		wg.Add(1)
		cs.Go(rt.Loop(0), wg.Done)
		wg.Wait()
		got := make(chan byte)
		go func() {
			var buf [1]byte
			fd.Read(buf[:])
			got <- buf[0]
		}()
		waitFor(t, &fd.r)
		writePeer(peer, []byte{7})
		within(t, got, "the goroutine's byte")
	}
}

func TestCoroutineDeadlines(t *testing.T) {
	rt := startPatient(t, 1)
	var cs Coroutines
	fd, peer := rawPair(t, rt, rt.Loop(0))
	ended := make(chan error)
	read := func() {
		_, err := fd.Read(make([]byte, 1))
		ended <- err
	}
	fd.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	go func() { cs.Go(fd.Loop(), read) }()
	if err := within(t, ended, "a deadline set before"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	fd.SetReadDeadline(time.Time{})
	cs.Go(fd.Loop(), read)
	waitFor(t, &fd.r)
	fd.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	if err := within(t, ended, "a deadline set meanwhile"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	fd.SetReadDeadline(time.Time{})
	cs.Go(fd.Loop(), read)
	writePeer(peer, []byte{1})
	if err := within(t, ended, "data after that"); err != nil {
		t.Error(err)
	}
	fill(t, fd)
	fd.SetWriteDeadline(time.Now().Add(5 * time.Millisecond))
	cs.Go(fd.Loop(), func() {
		_, err := fd.Write(make([]byte, 1<<20))
		ended <- err
	})
	if err := within(t, ended, "a deadline of a write"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

// Close ends a coroutine's Read, be it called by a goroutine or by another
// coroutine of the same loop, which does not block that loop.
func TestCloseEndsACoroutinesRead(t *testing.T) {
	rt := startPatient(t, 1)
	var cs Coroutines
	for _, by := range []func(func()){func(f func()) { go f() }, func(f func()) { cs.Go(rt.Loop(0), f) }} {
		fd, _ := rawPair(t, rt, rt.Loop(0))
		read, closed := make(chan error, 1), make(chan error, 1)
		cs.Go(fd.Loop(), func() {
			_, err := fd.Read(make([]byte, 1))
			read <- err
		})
		waitFor(t, &fd.r)
		by(func() { closed <- fd.Close() })
		if err := within(t, read, "Read"); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := within(t, closed, "Close"); err != nil {
			t.Error(err)
		}
	}
}

func TestShutdownEndsCoroutines(t *testing.T) {
	rt := startPatient(t, 2)
	var cs Coroutines
	const n = 20
	ended := make(chan error, n)
	for i := range n {
		fd, _ := rawPair(t, rt, rt.Loop(i%2))
		cs.Go(fd.Loop(), func() {
			_, err := fd.Read(make([]byte, 1))
			ended <- err
			fd.Close()
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	rt.Shutdown(ctx)
	for range n {
		if err := within(t, ended, "Read"); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
	// Where there is no loop any more they run all the same.
	done := make(chan struct{})
	cs.Go(rt.Loop(0), func() { close(done) })
	within(t, done, "a coroutine on a loop that has ended")
	eventually(t, "all have ended", func() bool { return cs.Stats().Running == 0 })
}

// Goexit ends the coroutine, and its loop goes on.
func TestGoexitEndsTheCoroutineAlone(t *testing.T) {
	rt := startPatient(t, 1)
	var cs Coroutines
	fd, peer := rawPair(t, rt, rt.Loop(0))
	cs.Go(fd.Loop(), echoBytes(fd))
	for range 10 {
		gone := make(chan struct{})
		other, otherPeer := rawPair(t, rt, rt.Loop(0))
		cs.Go(rt.Loop(0), func() {
			defer close(gone)
			other.Read(make([]byte, 1))
			goruntime.Goexit()
		})
		writePeer(otherPeer, []byte{1})
		within(t, gone, "the deferred function")
		exchange(t, peer, 1)
	}
	eventually(t, "they have ended", func() bool { return cs.Stats().Running == 1 })
}

// Without a watchdog a coroutine that reads inside of a coroutine of its own
// would hold up its loop; with one it works.
func TestNestedPull(t *testing.T) {
	rt := startWith(t, Config{Loops: 1})
	var cs Coroutines
	fd, peer := rawPair(t, rt, rt.Loop(0))
	cs.Go(fd.Loop(), func() {
		next, stop := iter.Pull(func(yield func(byte) bool) {
			buf := make([]byte, 1)
			for {
				if _, err := fd.Read(buf); err != nil || !yield(buf[0]) {
					return
				}
			}
		})
		defer stop()
		for {
			b, ok := next()
			if !ok {
				return
			}
			fd.Write([]byte{b + 1})
		}
	})
	for b := range byte(20) {
		if got := exchange(t, peer, b); got != b+1 {
			t.Fatal("got", got)
		}
	}
	endPeer(peer)
	eventually(t, "the end", func() bool { return cs.Stats().Running == 0 })
}

// Go ends the process when a coroutine switches while locked to its thread.
func TestCoroutineLockedToItsThread(t *testing.T) {
	rt := startWith(t, Config{Loops: 1})
	var cs Coroutines
	fd, peer := rawPair(t, rt, rt.Loop(0))
	cs.Go(fd.Loop(), func() {
		buf := make([]byte, 1)
		for i := 0; ; i++ {
			if i%3 == 1 {
				goruntime.LockOSThread()
			}
			_, err := fd.Read(buf)
			if i%3 == 1 {
				goruntime.UnlockOSThread()
			}
			if err != nil {
				return
			}
			fd.Write(buf)
		}
	})
	for b := range byte(30) {
		exchange(t, peer, b)
	}
	endPeer(peer)
	eventually(t, "the end", func() bool { return cs.Stats().Running == 0 })
	// One that returns locked is kept, and the loop goes on.
	cs.Go(rt.Loop(0), func() { goruntime.LockOSThread() })
	other, otherPeer := rawPair(t, rt, rt.Loop(0))
	cs.Go(rt.Loop(0), echoBytes(other))
	exchange(t, otherPeer, 1)
}

// A coroutine that never has to wait lets others run once its budget is used
// up. Nobody takes the loop over here.
func TestFloodingCoroutineGivesWay(t *testing.T) {
	const chunk, budget = 1 << 10, 64 << 10
	for _, name := range []string{"reads", "writes"} {
		t.Run(name, func(t *testing.T) {
			rt := startPatient(t, 1)
			cs := Coroutines{Budget: budget}
			flood, floodPeer := rawPair(t, rt, rt.Loop(0))
			quiet, quietPeer := rawPair(t, rt, rt.Loop(0))
			var end sync.WaitGroup
			defer end.Wait()
			end.Go(func() { // keeps the socket full, or empty
				for buf := make([]byte, 64<<10); ; {
					var err error
					var n int
					if name == "reads" {
						_, err = writePeer(floodPeer, buf)
					} else if n, err = readPeer(floodPeer, buf); n == 0 {
						return
					}
					if err != nil {
						return
					}
				}
			})
			sent, waited := -1, -1 // the flood's bytes when the byte was sent, and since then
			done := make(chan struct{})
			cs.Go(rt.Loop(0), func() {
				var buf [1]byte
				quiet.Read(buf[:])
				waited = 0
			})
			waitFor(t, &quiet.r)
			cs.Go(rt.Loop(0), func() {
				defer close(done)
				defer flood.Close()
				buf := make([]byte, chunk)
				for total := 0; total < 8<<20; total += chunk {
					if sent < 0 && total > 1<<20 {
						sent = total
						writePeer(quietPeer, []byte{1})
					}
					var err error
					if name == "reads" {
						_, err = io.ReadFull(readerOf{flood}, buf)
					} else {
						_, err = flood.Write(buf)
					}
					if err != nil {
						t.Error(err)
						return
					}
					if waited == 0 {
						waited = total - sent
						return
					}
				}
			})
			within(t, done, "the flood ends")
			if waited < 0 || waited > budget {
				t.Errorf("another coroutine had to wait for %d bytes, want at most %d", waited, budget)
			}
		})
	}
}

type readerOf struct{ fd *FD }

func (r readerOf) Read(p []byte) (int, error) { return r.fd.Read(p) }

// A request costs no allocation. The peer allocates nothing either.
func TestCoroutineAllocatesNothing(t *testing.T) {
	rt := startPatient(t, 1)
	var cs Coroutines
	fd, peer := rawPair(t, rt, rt.Loop(0))
	cs.Go(fd.Loop(), echoBytes(fd))
	buf := make([]byte, 1)
	if n := testing.AllocsPerRun(2000, func() {
		writePeer(peer, buf)
		readPeer(peer, buf)
	}); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}
