package runtime

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/fdmutex"
)

// unsettle keeps moving what is served on rt's loops to others of them, whatever they
// have to do, until the function that it returns is called.
func unsettle(rt *Runtime) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for round := uint8(1); ; round = round%250 + 1 {
			for i, l := range rt.loops {
				others := slices.Concat(rt.loops[:i], rt.loops[i+1:])
				l.shed.Store(&shedding{round: round, part: 1, to: others})
			}
			select {
			case <-done:
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	}()
	return sync.OnceFunc(func() { close(done); <-ended })
}

// moved returns how many moves there were.
func moved(rt *Runtime) (n uint64) {
	for _, l := range rt.Stats().Loops {
		n += l.Moved
	}
	return n
}

// empty fails the test unless nothing is left of any FD on rt's loops.
func empty(t *testing.T, rt *Runtime) {
	t.Helper()
	eventually(t, "no descriptors", func() bool { return rt.conns() == 0 })
	for i, l := range rt.loops {
		if n := l.table.Len(); n != 0 {
			t.Errorf("loop %d: %d FDs are left in the table", i, n)
		}
		if n := l.wheelLen(); n != 0 {
			t.Errorf("loop %d: %d entries are left in the wheel", i, n)
		}
	}
}

// talk sends random messages to peer, each of which has to come back, as long as more,
// which is told how many have been sent, says so.
func talk(peer int, more func(n int) bool) error {
	for n := 0; more(n); n++ {
		out := make([]byte, 1+rand.IntN(3000))
		for i := range out {
			out[i] = byte(rand.Uint32())
		}
		if m, err := writePeer(peer, out); m != len(out) || err != nil {
			return errors.Join(errors.New("a short write"), err)
		}
		in := make([]byte, len(out))
		for got := 0; got < len(in); {
			m, err := readPeer(peer, in[got:])
			if m == 0 || err != nil {
				return errors.Join(errors.New("no answer"), err)
			}
			got += m
		}
		if !bytes.Equal(in, out) {
			return errors.New("another answer than what was sent")
		}
	}
	return nil
}

// times is for so many messages.
func times(most int) func(int) bool { return func(n int) bool { return n < most } }

// often is how many moves a test waits for.
const often = 50

// untilMoved is for some messages, and as many more, within reason, as it takes until
// connections have moved often.
func untilMoved(rt *Runtime) func(int) bool {
	messages := 150
	if testing.Short() {
		messages = 40
	}
	return func(n int) bool { return n < messages || n < 50*messages && moved(rt) < often }
}

func echoAll(fd *FD) {
	buf := make([]byte, 700)
	for {
		n, err := fd.Read(buf)
		if err != nil {
			return
		}
		if _, err := fd.Write(buf[:n]); err != nil {
			return
		}
	}
}

// Coroutines whose connections move all the time lose nothing.
func TestMovesLoseNothing(t *testing.T) {
	var cs Coroutines
	testMoves(t, func(fd *FD) { cs.Go(fd.Loop(), func() { echoAll(fd) }) })
}

// The same with a Watch, as event mode has it.
func TestMovesOfWatchedFDsLoseNothing(t *testing.T) {
	testMoves(t, func(fd *FD) {
		e := &watchedEcho{fd: fd, buf: make([]byte, 700)}
		e.watch.Init(e)
		fd.Loop().PostWatch(&e.watch)
	})
}

// testMoves talks to what serve starts while everything moves and others set
// deadlines, and looks whether anything is left behind on the loops.
func testMoves(t *testing.T, serve func(*FD)) {
	// With patience, or goroutines would serve them where system calls are slow.
	rt := startWith(t, Config{Loops: 3, Pinned: true, Patience: -1})
	const conns = 24
	var fds []*FD
	var talks, setter sync.WaitGroup
	over := make(chan struct{})
	defer unsettle(rt)()
	for range conns {
		fd, peer := rawPair(t, rt, nil)
		fds = append(fds, fd)
		serve(fd)
		talks.Go(func() {
			if err := talk(peer, untilMoved(rt)); err != nil {
				t.Error(err)
			}
		})
	}
	setter.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(time.Duration(rand.IntN(200)) * time.Microsecond):
				fds[rand.IntN(conns)].SetDeadline(time.Now().Add(time.Minute + time.Duration(rand.IntN(1e9))))
			}
		}
	})
	talks.Wait()
	close(over)
	setter.Wait()
	if n := moved(rt); n < often {
		t.Errorf("there were %d moves only", n)
	}
	for _, fd := range fds {
		fd.Close()
	}
	empty(t, rt)
}

// A watchedEcho answers on its FD's loop. What it is asked never fills the peer's
// buffer, so that it never has to wait for space.
type watchedEcho struct {
	fd    *FD
	watch Watch
	buf   []byte
}

func (e *watchedEcho) Wake() {
	l := e.fd.Loop()
	for {
		n, err := e.fd.TryRead(e.buf)
		if err == ErrAgain {
			e.fd.Relieve(l)
			e.fd.WatchRead(&e.watch)
			return
		}
		if err != nil {
			return
		}
		e.fd.TryWrite(e.buf[:n])
	}
}

// A deadline that somebody else sets ends a wait that has just moved.
func TestDeadlinesFindWhoHasMoved(t *testing.T) {
	rt := startWith(t, Config{Loops: 2, Pinned: true, Patience: -1})
	defer unsettle(rt)()
	var cs Coroutines
	rounds := int64(600)
	if testing.Short() {
		rounds = 200
	}
	var all sync.WaitGroup
	for range 4 {
		fd, _ := rawPair(t, rt, nil)
		all.Add(1)
		cs.Go(fd.Loop(), func() {
			defer all.Done()
			for n := int64(0); n < rounds; n++ {
				if _, err := fd.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("Read: %v", err)
					return
				}
				fd.SetReadDeadline(time.Time{})
			}
		})
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		go func() {
			for {
				select {
				case <-done:
					return
				default: // two in a row: the second one finds the entry of the first
					fd.SetReadDeadline(time.Now().Add(time.Second))
					fd.SetReadDeadline(time.Now().Add(time.Duration(rand.IntN(200)) * time.Microsecond))
					time.Sleep(50 * time.Microsecond)
				}
			}
		}()
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	within(t, done, "all deadlines")
	if moved(rt) == 0 {
		t.Error("nothing has moved")
	}
}

// Closing finds a connection wherever it is.
func TestCloseFindsWhoHasMoved(t *testing.T) {
	rt := startWith(t, Config{Loops: 3, Pinned: true, Patience: -1})
	defer unsettle(rt)()
	var cs Coroutines
	for range 80 {
		fd, peer := rawPair(t, rt, nil)
		ended := make(chan struct{})
		cs.Go(fd.Loop(), func() { defer close(ended); echoAll(fd) })
		if err := talk(peer, times(1+rand.IntN(3))); err != nil {
			t.Fatal(err)
		}
		fd.Close()
		within(t, ended, "the end of the coroutine")
	}
	if moved(rt) == 0 {
		t.Error("nothing has moved")
	}
	empty(t, rt)
}

// A Shutdown misses nobody who moves meanwhile.
func TestShutdownFindsWhoMoves(t *testing.T) {
	for range 8 {
		needCoroutines(t)
		rt, err := New(Config{Loops: 3, Pinned: true})
		if err != nil {
			t.Fatal(err)
		}
		stop := unsettle(rt)
		var cs Coroutines
		var talks sync.WaitGroup
		for range 12 {
			fd, peer := rawPair(t, rt, nil)
			cs.Go(fd.Loop(), func() { echoAll(fd) })
			talks.Go(func() { talk(peer, func(int) bool { return true }) }) // until it fails
		}
		eventually(t, "moves", func() bool { return moved(rt) > 0 })
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		shut := make(chan error, 1)
		go func() { shut <- rt.Shutdown(ctx) }()
		if err := within(t, shut, "Shutdown"); err != context.Canceled {
			t.Fatal(err)
		}
		stop()
		talks.Wait()
		eventually(t, "the ends of the coroutines", func() bool { return cs.Stats().Running == 0 })
		empty(t, rt)
	}
}

// When the other loop can't have it a connection stays, and nothing is lost.
func TestRefusedMoveLeavesEverything(t *testing.T) {
	rt := startPatient(t, 1)
	dead := start(t, 1)
	dead.Loop(0).poll.Close()
	<-dead.Loop(0).done
	var cs Coroutines
	l := rt.Loop(0)
	fd, peer := rawPair(t, rt, l)
	fd.SetReadDeadline(time.Now().Add(time.Minute))
	cs.Go(l, func() { echoAll(fd) })
	for round := uint8(1); round < 20; round++ {
		given := &shedding{round: round, part: 1, to: dead.loops}
		l.shed.Store(given)
		if err := talk(peer, times(3)); err != nil {
			t.Fatal(err)
		}
		onLoop(t, fd, func() {
			if given.next == 0 {
				t.Error("it was not to be moved")
			}
		})
	}
	if fd.Loop() != l || moved(rt) != 0 || dead.conns() != 0 || dead.Loop(0).table.Len() != 0 {
		t.Errorf("%d moves; the other loop counts %d FDs and has %d", moved(rt), dead.conns(), dead.Loop(0).table.Len())
	}
}

// Who else uses the FD keeps it where it is.
func TestUsedFDsDoNotMove(t *testing.T) {
	rt := startWith(t, Config{Loops: 2, Pinned: true, Patience: -1})
	a, b := rt.Loop(0), rt.Loop(1)
	fd, _ := rawPair(t, rt, a)
	for side := fdmutex.Read; side <= fdmutex.Write; side++ {
		fd.mu.Lock(side)
		a.shed.Store(&shedding{round: uint8(1 + side), part: 1, to: []*Loop{b}})
		if onLoop(t, fd, func() {
			if fd.Relieve(a) {
				t.Error("it has moved although somebody used it")
			}
		}); fd.Loop() != a {
			t.Error("it is on another loop")
		}
		fd.end(side)
	}
	// So with a coroutine that waits, for what somebody else may write meanwhile.
	fd, peer := rawPair(t, rt, a)
	var cs Coroutines
	got := make(chan byte, 1)
	fd.mu.Lock(fdmutex.Write) // before it first waits: the loop is being relieved already
	cs.Go(a, func() {
		for buf := make([]byte, 1); ; got <- buf[0] {
			if _, err := fd.Read(buf); err != nil {
				return
			}
		}
	})
	for i := range byte(9) {
		a.shed.Store(&shedding{round: 10 + i, part: 1, to: []*Loop{b}})
		writePeer(peer, []byte{i})
		within(t, got, "what was written")
	}
	if onLoop(t, fd, func() {}); fd.Loop() != a {
		t.Error("it has moved under a writer")
	}
	fd.end(fdmutex.Write)

	fd, _ = rawPair(t, rt, a)
	onLoop(t, fd, func() {
		a.shed.Store(&shedding{round: 3, part: 1, to: []*Loop{b}})
		if fd.Relieve(b) {
			t.Error("another loop has moved it")
		}
		if !fd.Relieve(a) || fd.Loop() != b {
			t.Error("it has not moved")
		}
	})
}

// When all that makes work is on one loop, half of it goes to the other. What is idle
// stays.
func TestBusyConnectionsMoveToAnIdleLoop(t *testing.T) {
	rt := startPatient(t, 2) // what is taken over is served by goroutines
	var cs Coroutines
	const busy, idle = 8, 8
	for range idle {
		fd, _ := rawPair(t, rt, rt.Loop(0))
		cs.Go(fd.Loop(), func() { echoAll(fd) })
	}
	var over atomic.Bool
	var talks sync.WaitGroup
	var fds []*FD
	for range busy {
		fd, peer := rawPair(t, rt, rt.Loop(0))
		fds = append(fds, fd)
		cs.Go(fd.Loop(), func() {
			buf := make([]byte, 1)
			for {
				if _, err := fd.Read(buf); err != nil {
					return
				}
				spin(100 * time.Microsecond)
				fd.Write(buf)
			}
		})
		talks.Go(func() {
			for !over.Load() {
				exchange(t, peer, 1)
			}
		})
	}
	elsewhere := func() (n int) {
		for _, fd := range fds {
			if fd.Loop() == rt.Loop(1) {
				n++
			}
		}
		return n
	}
	eventually(t, "busy connections on both loops", func() bool { n := elsewhere(); return n > 0 && n < busy })
	over.Store(true)
	talks.Wait()
	// The last answers were read while those who had sent them were still moving.
	eventually(t, "nobody on the other loop but those who were busy", func() bool {
		return rt.Loop(1).conns.Load() == int64(elsewhere())
	})
	eventually(t, "all moves are counted", func() bool { return moved(rt) >= uint64(elsewhere()) })
}

// shared is a balancer that has seen the shares so many times in a row.
func shared(looks int, shares ...float64) (hot int) {
	b := &balancer{shares: shares}
	for range looks {
		hot = b.decide()
	}
	return hot
}

func TestBalancerDecides(t *testing.T) {
	for _, test := range []struct {
		name   string
		shares []float64
		looks  int
		hot    int
	}{
		{"once is no proof", []float64{1, 0}, 1, -1},
		{"twice is", []float64{1, 0}, 2, 0},
		{"whichever it is", []float64{.2, .3, .9, .1}, 2, 2},
		{"what is seen during moves is no sign", []float64{1, 0}, 3, -1},
		{"then it begins anew", []float64{1, 0}, 4, -1},
		{"and goes on", []float64{1, 0}, 5, 0},
		{"all have as much to do", []float64{1, .9}, 9, -1},
		{"none has much to do", []float64{.4, 0}, 9, -1},
		{"far enough apart", []float64{.9, .6}, 2, 0},
	} {
		if hot := shared(test.looks, test.shares...); hot != test.hot {
			t.Errorf("%s: %v after %d looks: %d, want %d", test.name, test.shares, test.looks, hot, test.hot)
		}
	}
	b := &balancer{shares: []float64{1, 0}}
	b.decide()
	b.shares = []float64{0, 1}
	if hot := b.decide(); hot != -1 {
		t.Error("two loops that had much to do by turns are one that has for long")
	}
}

// A shedding takes its part of those that are served, each considered once, and
// leaves the last one.
func TestSheddingTakesItsPart(t *testing.T) {
	loops := []*Loop{new(Loop), new(Loop), new(Loop)}
	for _, test := range []struct {
		shares []float64
		conns  int
		want   int
	}{
		{[]float64{1, 0, 0}, 1, 0},
		{[]float64{1, 0, 0}, 2, 1},
		{[]float64{1, 0, 0}, 300, 200},
		{[]float64{.9, .6, .6}, 90, 20},
		{[]float64{.9, .9, .3}, 90, 20},
	} {
		b := &balancer{shares: test.shares}
		s := b.shedding(loops, 0)
		to := map[*Loop]int{}
		for range test.conns {
			fd := new(FD)
			if l := s.chooses(fd); l != nil {
				to[l]++
			}
			for range 9 {
				if s.chooses(fd) != nil {
					t.Error("a connection is considered twice")
				}
			}
		}
		got := 0
		for l, n := range to {
			if got += n; test.shares[slices.Index(loops, l)] >= .9 {
				t.Errorf("%v: %d were given to a loop that has much to do", test.shares, n)
			}
		}
		if math.Abs(float64(got-test.want)) > 1 || test.conns == 1 && got != 0 {
			t.Errorf("%v: %d of %d were chosen, want %d", test.shares, got, test.conns, test.want)
		}
	}
}

// A loop that is being relieved is given nothing new.
func TestRelievedLoopsGetNothingNew(t *testing.T) {
	rt := startWith(t, Config{Loops: 2, Pinned: true})
	rt.Loop(0).shed.Store(new(shedding))
	for range 6 {
		if fd, _ := pair(t, rt); fd.Loop() != rt.Loop(1) {
			t.Fatal("a new FD is on the loop that has too much to do")
		}
	}
	rt.Loop(1).shed.Store(new(shedding))
	if fd, _ := pair(t, rt); fd.Loop() != rt.Loop(0) {
		t.Error("if all have too much to do it is not the one with the fewest")
	}
}

// Who wants loops to keep what they have can say so.
func TestPinnedLoopsAreNotCompared(t *testing.T) {
	rt := startWith(t, Config{Loops: 2, Pinned: true})
	if rt.balancer.due.Load() != math.MaxInt64 {
		t.Error("loops are compared")
	}
}
