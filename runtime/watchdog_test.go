package runtime

import (
	"math/rand/v2"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/goroutine"
	"github.com/moor-net/moor/internal/mono"
)

// blocker is a coroutine that answers bytes; whenever it has read a zero it
// first blocks until release is sent to.
func blocker(fd *FD, blocked chan<- struct{}, release <-chan struct{}) func() {
	return func() {
		buf := make([]byte, 1)
		for {
			if _, err := fd.Read(buf); err != nil {
				return
			}
			if buf[0] == 0 {
				blocked <- struct{}{}
				<-release
			}
			buf[0]++
			if _, err := fd.Write(buf); err != nil {
				return
			}
		}
	}
}

// While a coroutine blocks, another goroutine drives its loop. Afterwards the
// connection goes on where it was: what came meanwhile is there, in order.
func TestBlockedCoroutineLosesItsLoop(t *testing.T) {
	rt := startWith(t, Config{Loops: 1})
	var cs Coroutines
	slow, slowPeer := rawPair(t, rt, rt.Loop(0))
	quick, quickPeer := rawPair(t, rt, rt.Loop(0))
	blocked, release := make(chan struct{}), make(chan struct{})
	cs.Go(rt.Loop(0), blocker(slow, blocked, release))
	cs.Go(rt.Loop(0), echoBytes(quick))
	writePeer(slowPeer, []byte{0})
	within(t, blocked, "the coroutine blocks")
	for b := range byte(100) {
		exchange(t, quickPeer, b)
		writePeer(slowPeer, []byte{b + 100})
	}
	if st := cs.Stats(); st.TakeOvers == 0 || rt.Stats().Loops[0].TakeOvers == 0 {
		t.Errorf("%+v", st)
	}
	close(release)
	if b := receive(t, slowPeer); b != 1 {
		t.Error("the first answer is", b)
	}
	for b := range byte(100) {
		if got := receive(t, slowPeer); got != b+101 {
			t.Fatalf("got %d after %d bytes", got, b)
		}
	}
	// Handed back, it has its loop again.
	for b := byte(1); b < 100; b++ {
		exchange(t, slowPeer, b)
		exchange(t, quickPeer, b)
	}
}

// The same for one that computes, if there is a processor for the new driver.
func TestComputingCoroutineLosesItsLoop(t *testing.T) {
	if goruntime.GOMAXPROCS(0) == 1 {
		t.Skip("with one processor it is Go's scheduler that interrupts computations")
	}
	rt := startWith(t, Config{Loops: 1})
	var cs Coroutines
	quick, quickPeer := rawPair(t, rt, rt.Loop(0))
	cs.Go(rt.Loop(0), echoBytes(quick))
	var stop atomic.Bool
	begun := make(chan struct{})
	cs.Go(rt.Loop(0), func() {
		close(begun)
		for !stop.Load() {
		}
	})
	within(t, begun, "the coroutine runs")
	exchange(t, quickPeer, 1)
	stop.Store(true)
	if n := cs.Stats().TakeOvers; n == 0 { // more if the system stopped a thread
		t.Error("no take-over")
	}
}

// What was ready behind a coroutine that blocks is not forgotten, though the
// goroutine that was about to resume it is stuck.
func TestTakeOverInTheMiddleOfATurn(t *testing.T) {
	rt := startWith(t, Config{Loops: 1})
	var cs Coroutines
	const n = 30
	release := make(chan struct{})
	var fds []*FD
	var peers []int
	var blocking atomic.Int32
	for i := range n {
		fd, peer := rawPair(t, rt, rt.Loop(0))
		fds, peers = append(fds, fd), append(peers, peer)
		cs.Go(rt.Loop(0), func() {
			buf := make([]byte, 1)
			fd.Read(buf)
			if i%3 == 0 {
				blocking.Add(1)
				<-release
			}
			fd.Write(buf)
		})
	}
	// All become ready in one turn: none is handled while this one runs.
	for _, fd := range fds {
		waitFor(t, &fd.r)
	}
	gate := make(chan struct{})
	rt.Loop(0).Post(func() { <-gate })
	for _, peer := range peers {
		writePeer(peer, []byte{5})
	}
	close(gate)
	for i, peer := range peers {
		if i%3 != 0 {
			receive(t, peer)
		}
	}
	eventually(t, "every third blocks", func() bool { return blocking.Load() == n/3 })
	close(release)
	for i, peer := range peers {
		if i%3 == 0 {
			receive(t, peer)
		}
	}
}

// A coroutine that blocks again and again is moved to goroutine mode, where it
// holds nobody up, and comes back after a while.
func TestBlockingCoroutineIsMoved(t *testing.T) {
	rt := startWith(t, Config{Loops: 1})
	var cs Coroutines
	fd, peer := rawPair(t, rt, rt.Loop(0))
	blocked, release := make(chan struct{}), make(chan struct{})
	cs.Go(rt.Loop(0), blocker(fd, blocked, release))
	// It says whether its loop was taken from it, as is not done in goroutine mode.
	block := func() (took bool) {
		waitFor(t, &fd.r) // or it might go on without its loop
		writePeer(peer, []byte{0})
		within(t, blocked, "the coroutine blocks")
		// Take-overs that are counted now may be of an earlier turn, in which the
		// system had stopped the thread: this one's is meant.
		co := rt.Loop(0).current.Load()
		if took = co.exile == 0; took {
			eventually(t, "the take-over", co.detached)
		}
		release <- struct{}{}
		receive(t, peer)
		return took
	}
	for range tolerance / strike { // at most: see above
		block()
	}
	eventually(t, "it is moved", func() bool { return cs.Stats().Blocking == 1 })
	// They are counted after the loop was taken.
	counted := func(n uint64) {
		t.Helper()
		eventually(t, "take-overs are counted", func() bool { return cs.Stats().TakeOvers >= n })
	}
	counted(tolerance / strike)
	before := rt.Loop(0).word.Load()
	for range firstTerm / 2 {
		block()
	}
	if rt.Loop(0).word.Load() != before {
		t.Fatal("the loop has resumed it in goroutine mode")
	}
	// Reads that need not wait do not count.
	comeBack := func() {
		eventually(t, "it comes back", func() bool { exchange(t, peer, 1); return cs.Stats().Blocking == 0 })
	}
	for comeBack(); !block(); comeBack() { // moved again, as above
	}
	counted(tolerance/strike + 1)
}

// A few take-overs among few turns say that anybody may be next; among many, or
// where processors are contended, they don't. They are forgotten after a while.
func TestTakeOversAmongFewTurnsAreRife(t *testing.T) {
	const patience = int64(time.Hour) // of which a few count for days
	for name, test := range map[string]struct {
		turns     uint64 // from one to the next
		contended bool
		rife      bool
	}{
		"few":       {turns: contagion / 2, rife: true},
		"many":      {turns: 2 * contagion},
		"contended": {turns: 1, contended: true},
	} {
		var b burden
		var l Loop
		for i := range uint64(2 * epidemic) {
			b.add(&l, 1+2*test.turns*i, patience, test.contended)
			if want := test.rife && i+1 >= epidemic; l.raging() != want {
				t.Errorf("%s: they are rife after %d take-overs, or are not: want %v", name, i+1, want)
			}
		}
		l.rife.CompareAndSwap(b.debt, mono.Now())
		if l.raging() || l.rife.Load() != 0 {
			t.Errorf("%s: they are rife although that is over", name)
		}
		b.debt = 0
		if b.add(&l, 1, patience, false); b.count != 1 {
			t.Errorf("%s: %d take-overs are not forgotten", name, b.count-1)
		}
	}
}

// While take-overs are rife coroutines are moved, none resumed.
func TestNobodyIsResumedWhileTakeOversAreRife(t *testing.T) {
	rt := startPatient(t, 1)
	var cs Coroutines
	const n = 20
	var peers []int
	begin := func() {
		for range n {
			fd, peer := rawPair(t, rt, rt.Loop(0))
			cs.Go(fd.Loop(), echoBytes(fd))
			peers = append(peers, peer)
		}
		for _, peer := range peers {
			exchange(t, peer, 1)
		}
	}
	begin()
	rt.Loop(0).rife.Store(mono.After(time.Hour))
	begin() // those that wait already, and new ones
	if st := cs.Stats(); st.Blocking != 2*n || st.TakeOvers != 0 {
		t.Errorf("while they are rife: %+v", st)
	}
	rt.Loop(0).rife.Store(0)
	begin()
	if st := cs.Stats(); st.Blocking != 2*n || st.TakeOvers != 0 {
		t.Errorf("afterwards: %+v", st)
	}
}

// When most coroutines of a kind block, new ones begin in goroutine mode.
func TestCoroutinesOfABlockingKindBeginMoved(t *testing.T) {
	rt := startWith(t, Config{Loops: 1})
	var cs Coroutines
	ended := func() bool { return cs.Stats().Running == 0 }
	slow := func(n int) {
		for range n {
			before, release := cs.Stats().TakeOvers, make(chan struct{})
			cs.Go(rt.Loop(0), func() { <-release })
			eventually(t, "it is taken over, or begins moved", func() bool {
				st := cs.Stats()
				return st.TakeOvers > before || st.Blocking == 1
			})
			close(release)
			eventually(t, "it ends", ended)
		}
	}
	slow(20)
	before := cs.Stats().TakeOvers
	slow(3 * probe)
	if n := cs.Stats().TakeOvers - before; n > 4 {
		t.Errorf("%d take-overs by %d more", n, 3*probe)
	}
	eventually(t, "take-overs are rife no more", func() bool { return !rt.Loop(0).raging() })
	for range 12 * probe { // some of which are asked
		cs.Go(rt.Loop(0), func() {})
		eventually(t, "it ends", ended)
	}
	if cs.score.Load() >= scoreLimit {
		t.Error("they are still taken for blocking")
	}
}

// A coroutine that would run is given the benefit of the doubt for a while when threads
// have lost their processors; one that waits for something is not.
func TestDoubt(t *testing.T) {
	rt := startPatient(t, 2)
	var cs Coroutines
	release := make(chan struct{})
	defer close(release)
	begun := make(chan struct{}, 2)
	cs.Go(rt.Loop(0), func() { begun <- struct{}{}; <-release })
	within(t, begun, "a coroutine begins")
	waits := rt.Loop(0)
	eventually(t, "it waits", func() bool { return !goroutine.Running(waits.current.Load().g.Load()) })
	// This one neither waits nor ends, as far as anybody can see.
	runs := &Loop{}
	runs.current.Store(&coroutine{})
	runs.current.Load().g.Store(goroutine.ID())
	for _, test := range []struct {
		what  string
		l     *Loop
		s     sight
		doubt bool
	}{
		{"runs", runs, sight{times: 2, out: true}, true},
		{"runs, at last", runs, sight{times: doubts, out: true}, true},
		{"runs for long", runs, sight{times: doubts + 1, out: true}, false},
		{"runs, and nobody else wants a processor", runs, sight{times: 2}, false},
		{"waits", waits, sight{times: 2, out: true}, false},
	} {
		if test.s.doubtful(test.l) != test.doubt {
			t.Errorf("%s: doubtful: %v", test.what, !test.doubt)
		}
	}
}

// The watchdog sleeps while no coroutine runs.
func TestWatchdogSleeps(t *testing.T) {
	rt := startWith(t, Config{Loops: 2})
	var cs Coroutines
	fd, peer := rawPair(t, rt, rt.Loop(0))
	cs.Go(rt.Loop(0), echoBytes(fd))
	for range 3 {
		for b := range byte(50) {
			exchange(t, peer, b)
		}
		eventually(t, "the watchdog sleeps", rt.watchdog.asleep.Load)
	}
}

// Sleeps and bursts at random: every byte is answered in order, and nothing is
// left at the end.
func TestTakeOverStress(t *testing.T) {
	rt := startWith(t, Config{Loops: 2, Patience: 100 * time.Microsecond})
	goroutines := goruntime.NumGoroutine()
	var cs Coroutines
	conns, rounds := 100, 100
	if testing.Short() {
		conns, rounds = 30, 50
	}
	var wg sync.WaitGroup
	for range conns {
		fd, peer := rawPair(t, rt, nil)
		cs.Go(fd.Loop(), func() {
			defer fd.Close()
			buf := make([]byte, 8)
			for {
				n, err := fd.Read(buf)
				if err != nil {
					return
				}
				switch rand.IntN(20) {
				case 0:
					time.Sleep(time.Duration(rand.IntN(int(time.Millisecond))))
				case 1:
					for end := time.Now().Add(200 * time.Microsecond); time.Now().Before(end); {
					}
				case 2:
					goruntime.Gosched()
				}
				if _, err := fd.Write(buf[:n]); err != nil {
					return
				}
			}
		})
		wg.Go(func() {
			for i := 0; i < rounds; {
				burst := 1 + rand.IntN(5)
				for k := range burst {
					writePeer(peer, []byte{byte(i + k)})
				}
				for k := range burst {
					var buf [1]byte
					readPeer(peer, buf[:])
					if buf[0] != byte(i+k) {
						t.Errorf("got %d, want %d", buf[0], byte(i+k))
						return
					}
				}
				i += burst
			}
			endPeer(peer)
		})
	}
	wg.Wait()
	eventually(t, "all coroutines end", func() bool { return cs.Stats().Running == 0 })
	if st := cs.Stats(); st.Blocking != 0 || st.TakeOvers == 0 {
		t.Errorf("%+v", st)
	}
	eventually(t, "their goroutines end", func() bool { return goruntime.NumGoroutine() <= goroutines+1 })
	if n := rt.Stats().Conns(); n != 0 {
		t.Errorf("%d descriptors left", n)
	}
}
