package readyq

import (
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

var errQueueClosed = errors.New("queue closed")

// counted returns a queue and the counter of its wakes.
func counted() (*Queue, *atomic.Int64) {
	var wakes atomic.Int64
	return New(func() error { wakes.Add(1); return nil }, errQueueClosed), &wakes
}

// register returns n nodes registered with q, tokens from 0.
func register(t testing.TB, q *Queue, n int, edge, oneshot bool) []*Node {
	t.Helper()
	nodes := make([]*Node, n)
	for i := range nodes {
		nodes[i] = new(Node)
		if err := nodes[i].Register(q, uint64(i), 1, edge, oneshot); err != nil {
			t.Fatal(err)
		}
	}
	return nodes
}

func set(t testing.TB, n *Node, ready uint16) {
	t.Helper()
	if err := n.Set(ready); err != nil {
		t.Error(err)
	}
}

// round fetches, takes up to most tokens, and ends the round.
func round(q *Queue, most int) []uint64 {
	defer q.EndRound()
	var tokens []uint64
	for q.Fetch(false); len(tokens) < most; {
		token, _, ok := q.Next()
		if !ok {
			break
		}
		tokens = append(tokens, token)
	}
	return tokens
}

func TestSetWakesNobodyWhileThePollerIsAwake(t *testing.T) {
	q, wakes := counted()
	nodes := register(t, q, 100, true, false)
	for range 10 {
		for _, n := range nodes {
			set(t, n, 1)
		}
		round(q, 50)
	}
	if n := wakes.Load(); n != 0 {
		t.Errorf("%d wakes", n)
	}
}

func TestOneSleepIsEndedByOneWakeHoweverManySet(t *testing.T) {
	const setters, sleeps = 8, 500
	q, wakes := counted()
	nodes := register(t, q, setters, true, false)
	for i := range sleeps {
		if q.Fetch(true) {
			t.Fatal("an empty queue has nodes")
		}
		start := make(chan struct{})
		var all sync.WaitGroup
		for _, n := range nodes {
			all.Go(func() {
				<-start
				set(t, n, 1)
			})
		}
		close(start)
		all.Wait()
		if n := wakes.Load(); n != int64(i+1) || q.Wakeups() != uint64(n) {
			t.Fatalf("%d wakes, %d counted, after %d sleeps", n, q.Wakeups(), i+1)
		}
		if got := round(q, setters+1); len(got) != setters {
			t.Fatalf("%d events of %d", len(got), setters)
		}
	}
}

func TestPollerDoesNotFallAsleepOnANode(t *testing.T) {
	q, wakes := counted()
	n := register(t, q, 1, false, false)[0]
	set(t, n, 1)
	if !q.Fetch(true) {
		t.Fatal("the node was overlooked")
	}
	q.Next()
	q.EndRound()
	if !q.Fetch(true) {
		t.Fatal("a level-triggered node that is ready was overlooked")
	}
	set(t, n, 0)
	q.Next()
	q.EndRound()
	if q.Fetch(true) {
		t.Fatal("a node that is not ready keeps the poller awake")
	}
	set(t, n, 1)
	if wakes.Load() != 1 {
		t.Error("the marker was not published")
	}
}

func TestEventsComeInTheOrderOfTheSets(t *testing.T) {
	q, _ := counted()
	nodes := register(t, q, 6, true, false)
	for _, i := range []int{3, 1, 4} {
		set(t, nodes[i], 1)
	}
	got := round(q, 2)
	for _, i := range []int{5, 0, 1} { // 4 still waits, 1 was delivered
		set(t, nodes[i], 1)
	}
	for range 2 {
		got = append(got, round(q, 2)...)
	}
	if want := []uint64{3, 1, 4, 5, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("tokens %v, want %v", got, want)
	}
}

func TestLevelNodesTakeTurnsWithTheOthers(t *testing.T) {
	q, _ := counted()
	nodes := register(t, q, 3, false, false)
	set(t, nodes[0], 1)
	set(t, nodes[1], 1)
	if got := round(q, 9); !slices.Equal(got, []uint64{0, 1}) {
		t.Fatalf("tokens %v, want each ready one once", got)
	}
	set(t, nodes[2], 1)
	var got []uint64
	for range 6 {
		got = append(got, round(q, 1)...)
	}
	if want := []uint64{0, 1, 2, 0, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("tokens %v, want %v", got, want)
	}
}

func TestClosedQueueRefusesSets(t *testing.T) {
	q, _ := counted()
	nodes := register(t, q, 3, true, false)
	set(t, nodes[0], 1)
	q.Close()
	if err := nodes[1].Set(1); err != errQueueClosed {
		t.Errorf("Set returned %v", err)
	}
	if nodes[1].Readiness() != 0 {
		t.Error("the refused Set took effect")
	}
	q.Discard()
	if err := q.push(nodes[2]); err != errQueueClosed {
		t.Errorf("push returned %v", err)
	}
	if err := nodes[0].Close(); err != nil {
		t.Errorf("Close returned %v", err)
	}
}

// A node that its user keeps must not keep those that were queued beside it.
func TestDiscardUnlinksTheNodes(t *testing.T) {
	q, _ := counted()
	nodes := append(register(t, q, 4, true, false), register(t, q, 4, false, false)...)
	for _, n := range nodes {
		set(t, n, 1)
	}
	q.Fetch(false)
	for range 6 { // leaves two fetched and two kept
		q.Next()
	}
	set(t, nodes[0], 1)
	set(t, nodes[1], 1)
	q.Close()
	q.Discard()
	for i, n := range nodes {
		if n.next != nil {
			t.Errorf("node %d is linked", i)
		}
	}
}

func TestFailedWakeIsReported(t *testing.T) {
	broken := errors.New("no wake today")
	q := New(func() error { return broken }, errQueueClosed)
	n := register(t, q, 1, true, false)[0]
	q.Fetch(true)
	if err := n.Set(1); err != broken {
		t.Errorf("Set returned %v", err)
	}
	if got := round(q, 1); len(got) != 1 {
		t.Error("the event is lost")
	}
}

func TestRegisteringIsRefusedForGoodReasons(t *testing.T) {
	q, _ := counted()
	other, _ := counted()
	var n Node
	refused := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	refused("Reregister before Register", n.Reregister(q, 1, 1, true, false), ErrNotRegistered)
	refused("Deregister before Register", n.Deregister(q), ErrNotRegistered)
	refused("Register", n.Register(q, 1, 1, true, false), nil)
	refused("Register again", n.Register(q, 1, 1, true, false), ErrRegistered)
	refused("Register elsewhere", n.Register(other, 1, 1, true, false), ErrOtherQueue)
	refused("Reregister elsewhere", n.Reregister(other, 1, 1, true, false), ErrOtherQueue)
	refused("Deregister elsewhere", n.Deregister(other), ErrOtherQueue)
	refused("Deregister", n.Deregister(q), nil)
	refused("Deregister again", n.Deregister(q), ErrNotRegistered)
	refused("Register elsewhere afterwards", n.Register(other, 1, 1, true, false), ErrOtherQueue)
	refused("Close", n.Close(), nil)
	refused("Close again", n.Close(), os.ErrClosed)
	refused("Register when closed", n.Register(q, 1, 1, true, false), os.ErrClosed)
	refused("Set when closed", n.Set(1), os.ErrClosed)
}

func TestNothingIsAllocated(t *testing.T) {
	q, _ := counted()
	n := register(t, q, 1, true, false)[0]
	allocs := testing.AllocsPerRun(1000, func() {
		q.Fetch(true)
		n.Set(1)
		q.Fetch(false)
		q.Next()
		q.EndRound()
		n.Reregister(q, 1, 3, true, true)
		n.Deregister(q)
		n.Register(q, 1, 1, true, false)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkSetCoalesced(b *testing.B) {
	q, _ := counted()
	n := register(b, q, 1, true, false)[0]
	b.ReportAllocs()
	for b.Loop() {
		n.Set(1)
	}
}

// One Set that enters the queue, and the poller's part for it.
func BenchmarkSetAndNext(b *testing.B) {
	q, wakes := counted()
	nodes := register(b, q, 1024, true, false)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		nodes[i].Set(1)
		if i++; i == len(nodes) {
			i = 0
			q.Fetch(false)
			for _, _, ok := q.Next(); ok; _, _, ok = q.Next() {
			}
		}
	}
	if wakes.Load() != 0 {
		b.Error("an awake poller was woken")
	}
}
