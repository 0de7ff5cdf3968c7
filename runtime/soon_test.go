package runtime

import (
	"errors"
	"net"
	"os"
	goruntime "runtime"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/netpoll"
)

// echo answers every byte until reading fails, which it returns.
func echo(fd *FD) error {
	buf := make([]byte, 1)
	for {
		if _, err := fd.Read(buf); err != nil {
			return err
		}
		if _, err := fd.Write(buf); err != nil {
			return err
		}
	}
}

// exchanges makes n requests.
func exchanges(t testing.TB, peer, n int) {
	t.Helper()
	for i := range n {
		exchange(t, peer, byte(i))
	}
}

// echoing returns a connection whose bytes a goroutine answers, and what ends the
// goroutine.
func echoing(t *testing.T, rt *Runtime) (fd *FD, peer int, ended chan error) {
	t.Helper()
	fd, peer = rawPair(t, rt, rt.Loop(0))
	ended = make(chan error, 1)
	go func() { ended <- echo(fd) }()
	return fd, peer, ended
}

// twoProcessors makes two of one: a thread of the test's that blocks in the kernel
// keeps the only one for a while, and no wait is short.
func twoProcessors(t *testing.T) {
	if n := goruntime.GOMAXPROCS(0); n == 1 {
		goruntime.GOMAXPROCS(2)
		t.Cleanup(func() { goruntime.GOMAXPROCS(n) })
	}
}

// alone makes requests until fd's reader waits in the loop's place, which it goes
// on with for a moment afterwards.
func alone(t *testing.T, fd *FD, peer int) {
	t.Helper()
	if !netpoll.WaitsSoon {
		t.Skip("this system's Poll does not wait in the kernel")
	}
	twoProcessors(t) // on one it is the loop that does
	eventually(t, "the reader leads", func() bool {
		fd.Loop().lead.bet.doublings.Store(0) // whatever was lost before
		exchanges(t, peer, 100)
		return fd.Loop().lead.slot.Load() == uint64(fd.slot)
	})
}

func TestReaderOfALonelyConnectionLeads(t *testing.T) {
	rt := startWith(t, Config{Loops: 1})
	fd, peer, ended := echoing(t, rt)
	alone(t, fd, peer)
	if fd.leads(&fd.r) {
		t.Error("a goroutine that has not been woken may lead")
	}
	// Closing, a deadline and other connections concern it as if it slept.
	alone(t, fd, peer)
	other, otherPeer, otherEnded := echoing(t, rt)
	for range 100 {
		exchanges(t, peer, 1)
		exchanges(t, otherPeer, 1)
	}
	alone(t, fd, peer)
	other.Close()
	if err := within(t, otherEnded, "Close"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read: %v", err)
	}
	alone(t, fd, peer)
	fd.SetReadDeadline(time.Now().Add(time.Millisecond))
	if err := within(t, ended, "the deadline"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read: %v", err)
	}
	fd.SetReadDeadline(time.Time{})
	go func() { ended <- echo(fd) }()
	alone(t, fd, peer)
	fd.Close()
	if err := within(t, ended, "Close"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read: %v", err)
	}
}

// A leader that is busy with what it has read keeps nobody waiting.
func TestOthersAreServedWhileALeaderIsBusy(t *testing.T) {
	rt := startWith(t, Config{Loops: 1})
	fd, peer := rawPair(t, rt, rt.Loop(0))
	const pause = 255 // a request that is no other's
	gate, busy := make(chan struct{}), make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		buf := make([]byte, 1)
		for {
			if _, err := fd.Read(buf); err != nil {
				return
			}
			if buf[0] == pause {
				busy <- struct{}{}
				<-gate
			}
			fd.Write(buf)
		}
	})
	defer reader.Wait()
	defer fd.Close()
	other, otherPeer, _ := echoing(t, rt)
	defer other.Close()
	for range 5 {
		alone(t, fd, peer)
		writePeer(peer, []byte{pause})
		<-busy
		exchanges(t, otherPeer, 3)
		gate <- struct{}{}
		receive(t, peer)
	}
}

// Leaders of every kind of luck: nothing is lost, whoever is told of it.
func TestLeadersComeAndGo(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 40
	}
	rt := startWith(t, Config{Loops: 1})
	const n = 4
	var peers [n]int
	for i := range peers {
		_, peers[i], _ = echoing(t, rt)
	}
	for round := range rounds {
		exchanges(t, peers[round%n], 100+round%50)
		if round%10 == 0 {
			for range 20 {
				for _, peer := range peers {
					writePeer(peer, []byte{1})
				}
				for _, peer := range peers {
					receive(t, peer)
				}
			}
		}
	}
}

// A loop that runs what it waits for by itself waits in the kernel when that comes
// soon, and gives it up when it does not.
func TestLoopWaitsInTheKernelWhenEventsComeSoon(t *testing.T) {
	if !netpoll.WaitsSoon {
		t.Skip("this system's Poll does not wait in the kernel")
	}
	twoProcessors(t)
	rt := startWith(t, Config{Loops: 1})
	l := rt.Loop(0)
	var cs Coroutines
	fd, peer := rawPair(t, rt, l)
	cs.Go(l, func() { echo(fd) })
	on := func() bool {
		answer := make(chan bool)
		l.Post(func() { answer <- l.soon })
		return <-answer
	}
	for range 3 {
		eventually(t, "the loop waits in the kernel", func() bool {
			l.bet.doublings.Store(0) // whatever was lost before
			exchanges(t, peer, 100)
			return on()
		})
		eventually(t, "it gives that up", func() bool { return !on() })
	}
	fd.Close()
}

// What is in vain is tried ever more seldom, until it has been worth while.
func TestBetsThatAreLostBecomeRare(t *testing.T) {
	var b bet
	waits := func() (n int) {
		for n = 1; !b.ripe(0); n++ {
		}
		return n
	}
	lose := func() {
		for !b.lost() {
		}
	}
	for stake := firstStake; stake <= firstStake<<mostOften; stake *= 2 {
		if n := waits(); n != stake {
			t.Fatalf("a bet after %d short waits, want %d", n, stake)
		}
		lose()
	}
	if n := waits(); n != firstStake<<mostOften {
		t.Errorf("a bet after %d short waits", n)
	}
	for range muchGain {
		b.won(nil)
	}
	lose()
	if n := waits(); n != firstStake {
		t.Errorf("a bet after %d short waits, after one that was won", n)
	}
	for range 10 * lossPrice {
		for range lossPrice {
			b.won(nil)
		}
		if b.lost() {
			t.Fatal("lost although the gains have paid for it")
		}
	}
	for n := 0; ; n++ {
		if b.won(nil); b.lost() {
			break
		}
		if n == mostSpent {
			t.Fatal("a gain for each wait in vain is enough")
		}
	}
}

// A long wait now and then puts a bet off, and does not make it impossible.
func TestALongWaitNowAndThenPutsABetOff(t *testing.T) {
	var b bet
	waits := func(shorts int) (n int) { // so many before each long one
		for {
			for range shorts {
				if n++; b.ripe(shortWait) {
					return n
				}
				if n > 100*firstStake {
					return 0
				}
			}
			b.ripe(shortWait + 1)
		}
	}
	if n := waits(firstStake - 1); n != 0 {
		t.Errorf("a bet after %d short waits, a long one after each %d", n, firstStake-1)
	}
	b.ripe(notShort)
	b.doublings.Store(4)
	if n, want := waits(2*longPrice), (firstStake<<4-longPrice)*2; n < want-2*longPrice || n > want {
		t.Errorf("a bet after %d short waits, a long one after each %d; want some %d", n, 2*longPrice, want)
	}
}

// The end of a period in a short wait says nothing; in a long one it does, and two
// are the end.
func TestPeriodsEndInWaitsOfAllLengths(t *testing.T) {
	var b bet
	now := int64(time.Hour)
	clock := func() int64 { return now }
	for range 10 * mostSpent {
		if b.expired(clock) {
			t.Fatal("over with the end of one period")
		}
		if now += int64(shortWait); b.won(clock) {
			t.Fatal("over after a short wait")
		}
	}
	if b.gains != 10*mostSpent {
		t.Errorf("%d gains", b.gains)
	}
	long := func() (over bool) {
		b.expired(clock)
		now += int64(shortWait) + 1
		return b.won(clock)
	}
	if long() || !long() {
		t.Error("not over with the second long wait")
	}
	for b.gains = muchGain; !b.expired(clock); {
	}
	if b.doublings.Load() != 0 || b.since != 0 {
		t.Errorf("after two periods: %d doublings, since %d", b.doublings.Load(), b.since)
	}
	if b.expired(clock); !b.expired(clock) || b.doublings.Load() != 1 {
		t.Error("not over with the second period")
	}
}
