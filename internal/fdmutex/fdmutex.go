// Package fdmutex holds the one lifetime primitive of everything that owns a
// descriptor: a reference count, a closed bit, a read lock and a write lock in
// one word.
//
// Whoever uses the descriptor holds a reference. Close sets the closed bit and
// lets nobody in any more; the last one to leave releases the descriptor, so
// that its number can't be taken by another while somebody still uses it.
package fdmutex

import "sync/atomic"

// A Mutex guards one descriptor. The zero Mutex is open and unlocked.
//
// The state word:
//
//	bit   0      closed: every later Ref, Lock and Close fails
//	bit   1      the read lock is held
//	bit   2      the write lock is held
//	bits  3..22  references, those of lock holders included
//	bits 23..42  goroutines that wait for the read lock
//	bits 43..62  goroutines that wait for the write lock
type Mutex struct {
	state atomic.Uint64
	sema  [3]uint32 // what waiters for each lock, and the closer, sleep on
}

const (
	closed   = 1 << 0
	locked   = 1 << 1 // shifted by the Side
	ref      = 1 << 3
	refs     = (1<<20 - 1) << 3
	wait     = 1 << 23 // shifted by 20 times the Side
	waitMask = (1<<20 - 1) << 23
)

// Side selects the read or the write lock.
type Side uint

const (
	Read  Side = 0
	Write Side = 1
)

func (s Side) locked() uint64   { return locked << s }
func (s Side) wait() uint64     { return wait << (20 * s) }
func (s Side) waitMask() uint64 { return waitMask << (20 * s) }

// full is the panic of a counter that would overflow, as in package net.
const full = "too many concurrent operations on a single file or socket (max 1048575)"

// Closed reports whether Close was called.
func (m *Mutex) Closed() bool { return m.state.Load()&closed != 0 }

// Ref takes a reference. It reports false when the Mutex is closed.
func (m *Mutex) Ref() bool {
	for {
		old := m.state.Load()
		if old&closed != 0 {
			return false
		}
		if old&refs == refs {
			panic(full)
		}
		if m.state.CompareAndSwap(old, old+ref) {
			return true
		}
	}
}

// Unref gives a reference back. It reports true to the one caller who was the
// last user of a closed Mutex: that caller releases the descriptor.
func (m *Mutex) Unref() bool {
	for {
		old := m.state.Load()
		if old&refs == 0 {
			panic("fdmutex: Unref without Ref")
		}
		if m.state.CompareAndSwap(old, old-ref) {
			return (old-ref)&(closed|refs) == closed
		}
	}
}

// Close closes the Mutex, takes a reference for the caller to give back with
// Unref, and turns away whoever waits for a lock. It reports false when the
// Mutex was closed before.
func (m *Mutex) Close() bool {
	for {
		old := m.state.Load()
		if old&closed != 0 {
			return false
		}
		if old&refs == refs {
			panic(full)
		}
		// Nobody waits any more: those who did are counted here and woken.
		next := (old | closed) + ref
		next &^= Read.waitMask() | Write.waitMask()
		if !m.state.CompareAndSwap(old, next) {
			continue
		}
		for side := Read; side <= Write; side++ {
			for n := old & side.waitMask(); n != 0; n -= side.wait() {
				release(&m.sema[side])
			}
		}
		return true
	}
}

// Released tells the closer that the descriptor has been released.
func (m *Mutex) Released() { release(&m.sema[2]) }

// AwaitRelease waits until Released has been called. Only the one caller of a
// successful Close may call it, once.
func (m *Mutex) AwaitRelease() { acquire(&m.sema[2]) }

// TryAwaitRelease is AwaitRelease for a caller that does not wait. When it
// reports true Released has been called, and the two must not be called again.
func (m *Mutex) TryAwaitRelease() bool { return tryAcquire(&m.sema[2]) }

// Lock takes the side's lock together with a reference, waiting for its holder
// if need be. It reports false when the Mutex is closed.
func (m *Mutex) Lock(side Side) bool {
	for {
		old := m.state.Load()
		if old&closed != 0 {
			return false
		}
		if old&side.locked() == 0 {
			if old&refs == refs {
				panic(full)
			}
			if m.state.CompareAndSwap(old, (old|side.locked())+ref) {
				return true
			}
			continue
		}
		if old&side.waitMask() == side.waitMask() {
			panic(full)
		}
		if m.state.CompareAndSwap(old, old+side.wait()) {
			acquire(&m.sema[side])
			// Whoever woke us took our wait off the count.
		}
	}
}

// TryLock is Lock for a caller that does not wait. It reports whether it took
// the lock, and whether the Mutex is open.
func (m *Mutex) TryLock(side Side) (taken, open bool) {
	for {
		old := m.state.Load()
		if old&closed != 0 {
			return false, false
		}
		if old&side.locked() != 0 {
			return false, true
		}
		if old&refs == refs {
			panic(full)
		}
		if m.state.CompareAndSwap(old, (old|side.locked())+ref) {
			return true, true
		}
	}
}

// Unlock gives the side's lock and its reference back and wakes one waiter.
// Like Unref it reports true to the last user of a closed Mutex.
func (m *Mutex) Unlock(side Side) bool {
	for {
		old := m.state.Load()
		if old&side.locked() == 0 || old&refs == 0 {
			panic("fdmutex: Unlock without Lock")
		}
		next := old&^side.locked() - ref
		waiting := old&side.waitMask() != 0
		if waiting {
			next -= side.wait()
		}
		if m.state.CompareAndSwap(old, next) {
			if waiting {
				release(&m.sema[side])
			}
			return next&(closed|refs) == closed
		}
	}
}
