package fdmutex

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestLastUserOfAClosedMutexReleases(t *testing.T) {
	var m Mutex
	if !m.Ref() {
		t.Fatal("Ref of an open mutex fails")
	}
	if m.Unref() {
		t.Fatal("Unref of an open mutex asks for release")
	}
	m.Ref()
	if !m.Lock(Read) || !m.Lock(Write) {
		t.Fatal("Lock of an open mutex fails")
	}
	if !m.Close() {
		t.Fatal("first Close fails")
	}
	if !m.Closed() {
		t.Fatal("Closed is false after Close")
	}
	if m.Unref() || m.Unlock(Read) || m.Unlock(Write) {
		t.Fatal("release was asked for while a user was left")
	}
	if !m.Unref() {
		t.Fatal("the last user is not asked to release")
	}
}

func TestClosedMutexRefusesEverything(t *testing.T) {
	var m Mutex
	m.Close()
	if m.Ref() || m.Lock(Read) || m.Lock(Write) || m.Close() {
		t.Fatal("a closed mutex lets someone in")
	}
	if !m.Unref() {
		t.Fatal("the closer is not asked to release")
	}
}

func TestTryLockDoesNotWait(t *testing.T) {
	var m Mutex
	if taken, open := m.TryLock(Read); !taken || !open {
		t.Fatal("a free lock is not taken")
	}
	if taken, open := m.TryLock(Read); taken || !open {
		t.Fatal("a held lock is taken")
	}
	if taken, _ := m.TryLock(Write); !taken {
		t.Fatal("the other lock is not taken")
	}
	m.Unlock(Read)
	m.Close()
	if taken, open := m.TryLock(Read); taken || open {
		t.Fatal("a closed mutex lets someone in")
	}
}

func TestReadAndWriteLocksAreIndependent(t *testing.T) {
	var m Mutex
	m.Lock(Read)
	m.Lock(Write) // would block for ever if they were one
	m.Unlock(Read)
	m.Unlock(Write)
}

func TestCloserWaitsForTheRelease(t *testing.T) {
	var m Mutex
	m.Ref()
	m.Close()
	m.Unref()
	done := make(chan bool)
	go func() { m.AwaitRelease(); close(done) }()
	select {
	case <-done:
		t.Fatal("the closer did not wait")
	default:
	}
	if !m.Unref() {
		t.Fatal("the last user is not asked to release")
	}
	m.Released()
	<-done
}

// waiters returns the number of goroutines that wait for the side's lock.
func (m *Mutex) waiters(side Side) int {
	return int(m.state.Load() & side.waitMask() / side.wait())
}

func TestCloseTurnsWaitersAway(t *testing.T) {
	for side := Read; side <= Write; side++ {
		var m Mutex
		m.Lock(side)
		got := make(chan bool)
		for range 3 {
			go func() { got <- m.Lock(side) }()
		}
		for m.waiters(side) < 3 {
			runtime.Gosched()
		}
		m.Close()
		for range 3 {
			if <-got {
				t.Fatal("a waiter got the lock of a closed mutex")
			}
		}
		if m.Unlock(side) {
			t.Fatal("release was asked for while the closer was there")
		}
		if !m.Unref() {
			t.Fatal("the closer is not asked to release")
		}
	}
}

func TestMisuseAndOverflowPanic(t *testing.T) {
	for name, c := range map[string]struct {
		want string
		f    func(m *Mutex)
	}{
		"Unref":       {"without Ref", func(m *Mutex) { m.Unref() }},
		"Unlock":      {"without Lock", func(m *Mutex) { m.Unlock(Read) }},
		"wrong side":  {"without Lock", func(m *Mutex) { m.Lock(Read); m.Unlock(Write) }},
		"many Refs":   {"too many", func(m *Mutex) { m.state.Store(refs); m.Ref() }},
		"many Locks":  {"too many", func(m *Mutex) { m.state.Store(refs); m.Lock(Read) }},
		"many Closes": {"too many", func(m *Mutex) { m.state.Store(refs); m.Close() }},
		"many waits":  {"too many", func(m *Mutex) { m.state.Store(Write.locked() | Write.waitMask()); m.Lock(Write) }},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				msg, _ := recover().(string)
				if !strings.Contains(msg, c.want) {
					t.Errorf("panic %q, want one with %q", msg, c.want)
				}
			}()
			c.f(new(Mutex))
			t.Error("no panic")
		})
	}
}

// Readers, writers, plain users and a closer on one mutex: each lock has one
// holder, nobody is inside after the release, and the release comes once.
func TestStress(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 300
	}
	for range rounds {
		var m Mutex
		var released atomic.Int32
		var holders [2]atomic.Int32
		inside := func() {
			if released.Load() != 0 {
				t.Error("in use after release")
			}
		}
		last := func(l bool) {
			if l && released.Add(1) != 1 {
				t.Error("released twice")
			}
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 20 {
					switch i % 3 {
					case 0, 1:
						side := Side(i % 3)
						if !m.Lock(side) {
							return
						}
						if holders[side].Add(1) != 1 {
							t.Error("two holders of one lock")
						}
						inside()
						if rand.IntN(4) == 0 {
							runtime.Gosched()
						}
						holders[side].Add(-1)
						last(m.Unlock(side))
					default:
						if !m.Ref() {
							return
						}
						inside()
						last(m.Unref())
					}
				}
			})
		}
		wg.Go(func() {
			for range rand.IntN(20) {
				runtime.Gosched()
			}
			if m.Close() {
				last(m.Unref())
			}
		})
		wg.Wait()
		if released.Load() != 1 {
			t.Fatalf("released %d times", released.Load())
		}
		if m.sema != [3]uint32{} {
			t.Fatalf("semaphores left at %v", m.sema)
		}
	}
	for i := range buckets {
		if buckets[i].first != nil || buckets[i].last != nil {
			t.Fatal("a sleeper was left behind")
		}
	}
}

func BenchmarkLockUnlock(b *testing.B) {
	var m Mutex
	b.ReportAllocs()
	for b.Loop() {
		m.Lock(Read)
		m.Unlock(Read)
	}
}

func BenchmarkRefUnref(b *testing.B) {
	var m Mutex
	b.ReportAllocs()
	for b.Loop() {
		m.Ref()
		m.Unref()
	}
}
