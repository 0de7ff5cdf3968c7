package fdmutex

import (
	"sync"
	"unsafe"
)

// Semaphores by address: a counter of four bytes per semaphore, and queues of
// sleepers in a small table that all share. Nearly no descriptor ever has two
// readers or two writers at once, so a queue in each would be wasted.

type sleeper struct {
	addr *uint32
	next *sleeper
	wake sync.WaitGroup
}

type bucket struct {
	mu          sync.Mutex
	first, last *sleeper
	_           [40]byte // a cache line each
}

var (
	buckets  [64]bucket
	sleepers = sync.Pool{New: func() any { return new(sleeper) }}
)

func bucketOf(addr *uint32) *bucket {
	// The address only spreads the load. Go's heap objects do not move, and
	// a Mutex that is waited for is in the heap.
	return &buckets[uintptr(unsafe.Pointer(addr))>>4%uintptr(len(buckets))]
}

// tryAcquire takes one off the counter at addr if it is above zero.
func tryAcquire(addr *uint32) bool {
	b := bucketOf(addr)
	b.mu.Lock()
	defer b.mu.Unlock()
	if *addr == 0 {
		return false
	}
	*addr--
	return true
}

// acquire waits until the counter at addr is above zero and takes one off.
func acquire(addr *uint32) {
	b := bucketOf(addr)
	b.mu.Lock()
	if *addr > 0 {
		*addr--
		b.mu.Unlock()
		return
	}
	s := sleepers.Get().(*sleeper)
	s.addr, s.next = addr, nil
	s.wake.Add(1)
	if b.last == nil {
		b.first = s
	} else {
		b.last.next = s
	}
	b.last = s
	b.mu.Unlock()
	s.wake.Wait()
	s.addr = nil
	sleepers.Put(s)
}

// release wakes the one who has waited longest at addr, or else adds one to
// the counter.
func release(addr *uint32) {
	b := bucketOf(addr)
	b.mu.Lock()
	var prev *sleeper
	for s := b.first; s != nil; prev, s = s, s.next {
		if s.addr != addr {
			continue
		}
		if prev == nil {
			b.first = s.next
		} else {
			prev.next = s.next
		}
		if b.last == s {
			b.last = prev
		}
		b.mu.Unlock()
		s.wake.Done()
		return
	}
	*addr++
	b.mu.Unlock()
}
