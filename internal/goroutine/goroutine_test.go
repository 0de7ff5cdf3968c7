//go:build amd64 || arm64

package goroutine

import (
	"iter"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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

// A goroutine runs unless it waits, sleeps or is in a system call.
func TestRunning(t *testing.T) {
	if statusPlace() == nowhere {
		t.Fatal("not found in this version of Go")
	}
	if !Running(ID()) || !Running(0) {
		t.Error("the caller does not run")
	}
	is := func(id uintptr, want bool, what string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); Running(id) != want; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("%s: running: %v", what, !want)
			}
		}
		// It stays so.
		for range 100 {
			if Running(id) != want {
				t.Fatalf("%s: running: %v", what, !want)
			}
			runtime.GC()
		}
	}
	ids := make(chan uintptr)
	var stop atomic.Bool
	end := make(chan struct{})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var wg sync.WaitGroup
	wg.Add(1)
	for what, f := range map[string]func(){
		"channel": func() { <-end },
		"group":   func() { wg.Wait() },
		"sleep":   func() { time.Sleep(10 * time.Second) },
		"file":    func() { r.Read(make([]byte, 1)) },
		"call":    systemCall,
	} {
		go func() { ids <- ID(); f() }()
		is(<-ids, false, what)
	}
	close(end)
	wg.Done()
	if runtime.GOMAXPROCS(0) > 1 {
		go func() {
			ids <- ID()
			for !stop.Load() {
			}
		}()
		id := <-ids
		for range 1000 {
			if Running(id) {
				stop.Store(true)
				return
			}
			runtime.Gosched()
		}
		t.Error("a goroutine that computes does not run")
	}
}
