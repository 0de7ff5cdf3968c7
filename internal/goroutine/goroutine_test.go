//go:build amd64 || arm64

package goroutine

import (
	"iter"
	"runtime"
	"sync"
	"testing"
)

func TestIDIsTheSameWhileAGoroutineRuns(t *testing.T) {
	id := ID()
	if id == 0 {
		t.Fatal("the identity is zero")
	}
	for range 100 {
		runtime.Gosched()
		runtime.GC()
		if ID() != id {
			t.Fatal("the identity has changed")
		}
	}
	var grow func(n int) byte
	grow = func(n int) byte { // moves the stack
		var frame [1024]byte
		if n == 0 {
			return frame[0]
		}
		return grow(n-1) + frame[n]
	}
	grow(1000)
	if ID() != id {
		t.Error("the identity has changed with the stack")
	}
}

func TestGoroutinesDiffer(t *testing.T) {
	const n = 100
	ids := make(chan uintptr, n)
	end := make(chan struct{})
	for range n {
		go func() { ids <- ID(); <-end }()
	}
	defer close(end)
	seen := map[uintptr]bool{ID(): true}
	for range n {
		id := <-ids
		if seen[id] {
			t.Fatal("two goroutines have the same identity")
		}
		seen[id] = true
	}
}

// A coroutine keeps its identity, whoever resumes it.
func TestCoroutineHasItsOwn(t *testing.T) {
	var inside uintptr
	next, stop := iter.Pull(func(yield func(int) bool) {
		inside = ID()
		for yield(0) {
			if ID() != inside {
				t.Error("the identity has changed")
			}
		}
	})
	defer stop()
	next()
	if inside == ID() {
		t.Error("a coroutine has the identity of its caller")
	}
	var wg sync.WaitGroup
	wg.Go(func() { next() })
	wg.Wait()
	next()
}

func TestLocked(t *testing.T) {
	if lockedWord() == nowhere {
		t.Fatal("not found in this version of Go")
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 100 {
				if Locked() {
					t.Error("locked before LockOSThread")
				}
				runtime.LockOSThread()
				runtime.LockOSThread()
				runtime.Gosched()
				if !Locked() {
					t.Error("not locked after LockOSThread")
				}
				runtime.UnlockOSThread()
				if !Locked() {
					t.Error("not locked after one UnlockOSThread of two")
				}
				runtime.UnlockOSThread()
				if Locked() {
					t.Error("locked after UnlockOSThread")
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkID(b *testing.B) {
	for range b.N {
		ID()
	}
}

func BenchmarkLocked(b *testing.B) {
	for range b.N {
		Locked()
	}
}
