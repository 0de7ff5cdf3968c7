package runtime

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sys"
)

// hold keeps the loop busy until the function that it returns is called.
func hold(t *testing.T, l *Loop) (release func()) {
	t.Helper()
	held, released := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(held); <-released })
	<-held
	return sync.OnceFunc(func() { close(released) })
}

// await waits for c.
func await[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(time.Minute):
		t.Fatal(what, ": does not come")
	}
	return v
}

// An event that comes while very many functions are queued waits for no more
// than a turn's share of them.
func TestPostedFunctionsDoNotStarveEvents(t *testing.T) {
	rt := start(t, 1)
	a, b := pair(t, rt)
	l := rt.Loop(0)
	run, seen := 0, make(chan int, 1) // run is the loop's
	w := new(Watch)
	told := 0
	w.Init(wakeFunc(func() { told++; seen <- run }))
	if err := a.WatchRead(w); err != nil { // worth trying at first
		t.Fatal(err)
	}
	await(t, seen, "the first Wake")
	a.TryRead(make([]byte, 1))
	if err := a.WatchRead(w); err != nil {
		t.Fatal(err)
	}
	release := hold(t, l)
	defer release()
	const many = 20 * jobsPerTurn
	last := make(chan struct{})
	l.Post(func() {
		b.TryWrite([]byte("x"))
		for !sys.Readable(a.Sysfd()) {
		}
	})
	var again func() // the queue is never empty before the event has come
	again = func() {
		if run++; told < 2 {
			l.Post(again)
		}
	}
	for range many {
		l.Post(again)
	}
	release()
	if n := await(t, seen, "Wake"); eventAtOnce && n > jobsPerTurn {
		t.Errorf("the event came after %d functions, want at most %d", n, jobsPerTurn)
	}
	l.Post(func() { close(last) })
	await(t, last, "the last function")
}

type wakeFunc func()

func (f wakeFunc) Wake() { f() }

// More functions than a turn takes are still run once each, and those of one
// goroutine in order, also those that functions post.
func TestManyPostedFunctionsKeepTheirOrder(t *testing.T) {
	l := start(t, 1).Loop(0)
	release := hold(t, l)
	const posters, each = 4, 3 * jobsPerTurn
	got := make([][]int, posters) // the loop's
	var wg sync.WaitGroup
	for p := range posters {
		wg.Go(func() {
			for i := range each {
				l.Post(func() {
					got[p] = append(got[p], 2*i)
					l.Post(func() { got[p] = append(got[p], 2*i+1) })
				})
			}
		})
	}
	wg.Wait()
	release()
	done := make(chan struct{})
	l.Post(func() { l.Post(func() { close(done) }) }) // behind all of theirs
	await(t, done, "the last function")
	for p, order := range got {
		if len(order) != 2*each {
			t.Fatalf("poster %d: %d functions were run, want %d", p, len(order), 2*each)
		}
		for parity := range 2 {
			own := slices.DeleteFunc(slices.Clone(order), func(i int) bool { return i%2 != parity })
			if !slices.IsSorted(own) {
				t.Errorf("poster %d: functions out of order", p)
			}
		}
	}
}

// Connections that always have something to read take turns, also if there are
// more of them than a turn has events.
func TestReadyConnectionsTakeTurns(t *testing.T) {
	rt := start(t, 1)
	l := rt.Loop(0)
	release := hold(t, l)
	defer release()
	const conns, rounds = 2*eventsPerTurn + 50, 20
	counts := make([]int, conns) // the loop's
	spread, full := 0, make(chan struct{})
	for i := range conns {
		a, b := pairOn(t, rt, rt)
		if _, err := b.Write(make([]byte, rounds)); err != nil {
			t.Fatal(err)
		}
		w := new(Watch)
		w.Init(wakeFunc(func() {
			if n, _ := a.TryRead(make([]byte, 1)); n == 1 {
				counts[i]++
			}
			if spread = max(spread, slices.Max(counts)-slices.Min(counts)); slices.Min(counts) == rounds {
				close(full)
			} else if counts[i] < rounds {
				a.WatchRead(w)
			}
		}))
		if err := a.WatchRead(w); err != nil {
			t.Fatal(err)
		}
	}
	release()
	await(t, full, "the last byte")
	if spread > 1 {
		t.Errorf("one connection was %d turns ahead of another, want at most one", spread)
	}
}
