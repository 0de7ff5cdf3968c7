// Package parker puts a goroutine to sleep and wakes it, with what the
// scheduler itself uses for a goroutine that waits for the network.
//
// Everything in package sync that sleeps keeps an object for each sleeper and
// a locked list of them. A goroutine that waits for a socket needs neither: its
// waker knows which one it is. With thousands of connections those objects are
// not in the processor's caches when they are needed, and cost more than the
// rest of a wake-up. A sleeper here is also what it is for package net: it
// shows as "IO wait" in a goroutine's dump, "network" in an execution trace,
// and does not count as idle for testing/synctest.
//
// The scheduler's two functions are not exported. Go promises to keep their
// names and signatures for those who link to them (go.dev/issue/67401); a test
// compares them with those of the Go version in use.
package parker

import (
	"sync/atomic"
	"unsafe"
)

// A Parker is a place for one goroutine at a time to sleep. The zero Parker is
// ready for use; it must not be copied while somebody sleeps.
//
// The word:
//
//	empty   nobody sleeps
//	permit  Unpark came before the sleep: Park does not sleep
//	other   the address of the goroutine that sleeps
//
// It is no pointer for the garbage collector, which need not know: goroutines
// do not move, and the scheduler keeps those that sleep.
type Parker struct {
	g uintptr
}

const (
	empty  = 0
	permit = 1
)

// Park sleeps until Unpark is called, or does not if that was done already. For
// each Park there is exactly one Unpark. The caller learns why it was woken
// from a word of its own, by an atomic operation: that is what makes visible
// what the waker has written.
func (p *Parker) Park() {
	if atomic.LoadUintptr(&p.g) == empty {
		gopark(commit, unsafe.Pointer(&p.g), waitReasonIOWait, traceBlockNet, 2)
	}
	if atomic.LoadUintptr(&p.g) == permit {
		atomic.StoreUintptr(&p.g, empty)
	}
}

// Unpark wakes the goroutine that sleeps in Park, or lets the next Park pass.
// It may be called from any goroutine.
func (p *Parker) Unpark() {
	g := atomic.LoadUintptr(&p.g)
	if g == empty {
		if atomic.CompareAndSwapUintptr(&p.g, empty, permit) {
			return // commit will see it
		}
		g = atomic.LoadUintptr(&p.g)
	}
	atomic.StoreUintptr(&p.g, empty)
	// Sound: commit stored g when the scheduler had stopped the goroutine, and
	// there is no other Unpark to make it run.
	goready(g, 2)
}

// Sleeper returns the goroutine that sleeps in Park now, zero if none does: see
// package goroutine.
func (p *Parker) Sleeper() uintptr {
	if g := atomic.LoadUintptr(&p.g); g != permit {
		return g
	}
	return 0
}

// The scheduler's numbers for a goroutine that waits for the network.
const (
	waitReasonIOWait = 2
	traceBlockNet    = 2
)

// gopark stops the calling goroutine and calls commit on the thread's own
// stack; if that returns false the goroutine goes on. See runtime/proc.go.
//
//go:linkname gopark runtime.gopark
func gopark(commit func(g uintptr, word unsafe.Pointer) bool, word unsafe.Pointer, reason, traceReason uint8, traceSkip int)

// goready makes a goroutine that gopark stopped runnable.
//
//go:linkname goready runtime.goready
func goready(g uintptr, traceSkip int)

// Yield lets the goroutines that this processor has in its queue run first. It is
// runtime.Gosched but for the place where the caller waits: not behind everybody
// in the process, which may be goroutines that compute for whole time slices, but
// at the end of that queue. The scheduler looks elsewhere once in 61 times.
func Yield() { goyield() }

// goyield: see runtime/proc.go.
//
//go:linkname goyield runtime.goyield
func goyield()

// commit is what decides between the sleeper and its waker. It runs on the
// scheduler's stack, where code must not be instrumented, grow the stack,
// allocate, or block; word is in the heap.
//
//go:norace
//go:nosplit
func commit(g uintptr, word unsafe.Pointer) bool {
	return cas((*uintptr)(word), empty, g)
}
