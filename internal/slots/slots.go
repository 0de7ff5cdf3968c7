// Package slots hands out small numbers for large numbers of objects: a table
// whose places can be looked up without a lock and told apart from their
// earlier tenants by a generation.
//
// A kernel event carries only a number. When it is delivered the object it
// was meant for may be gone and its place taken by another; the generation in
// the number shows that, and the event is dropped.
package slots

import (
	"sync"
	"sync/atomic"
)

// A Handle names one tenancy of one place. The zero Handle names none.
//
//	bits  0..31  index of the place
//	bits 32..63  generation, odd while the place is taken
type Handle uint64

func (h Handle) index() uint32      { return uint32(h) }
func (h Handle) generation() uint32 { return uint32(h >> 32) }

const (
	chunkBits = 7
	chunkSize = 1 << chunkBits
	none      = ^uint32(0)
)

type slot[T any] struct {
	gen  atomic.Uint32 // odd: taken
	next uint32        // next free place; guarded by Table.mu
	val  T
}

// A Table is a growing array of places of type T. Get and Current may be called
// by any goroutine at any time and take no lock; the fields of T that change
// while a place is taken must be atomic. The zero Table is empty.
type Table[T any] struct {
	mu     sync.Mutex
	chunks atomic.Pointer[[]*[chunkSize]slot[T]] // replaced, never changed
	head   uint32                                // first free place
	used   int
	inited bool
}

func (t *Table[T]) at(i uint32) *slot[T] {
	chunks := t.chunks.Load()
	if chunks == nil || int(i>>chunkBits) >= len(*chunks) {
		return nil
	}
	return &(*chunks)[i>>chunkBits][i%chunkSize]
}

// Take reserves a place, lets fill write its value, and only then makes it
// visible to Get under the Handle it returns. fill gets that Handle too.
func (t *Table[T]) Take(fill func(Handle, *T)) Handle {
	t.mu.Lock()
	if !t.inited {
		t.inited, t.head = true, none
	}
	if t.head == none {
		t.grow()
	}
	i := t.head
	s := t.at(i)
	t.head = s.next
	t.used++
	t.mu.Unlock()
	gen := s.gen.Load() + 1
	h := Handle(gen)<<32 | Handle(i)
	fill(h, &s.val)
	s.gen.Store(gen)
	return h
}

// grow adds a chunk and chains its places, lowest first. t.mu is held.
func (t *Table[T]) grow() {
	var old []*[chunkSize]slot[T]
	if p := t.chunks.Load(); p != nil {
		old = *p
	}
	first := uint32(len(old)) << chunkBits
	chunk := new([chunkSize]slot[T])
	for i := range chunk {
		chunk[i].next = first + uint32(i) + 1
	}
	chunk[chunkSize-1].next = none
	grown := make([]*[chunkSize]slot[T], len(old)+1)
	copy(grown, old)
	grown[len(old)] = chunk
	t.chunks.Store(&grown)
	t.head = first
}

// Get returns the value of h's place, or nil when that tenancy has ended. The
// place may be given up at any moment after; a caller that read several fields
// asks Current afterwards whether they belonged together.
func (t *Table[T]) Get(h Handle) *T {
	s := t.at(h.index())
	if s == nil || h.generation()&1 == 0 || s.gen.Load() != h.generation() {
		return nil
	}
	return &s.val
}

// Current reports whether h's tenancy still holds.
func (t *Table[T]) Current(h Handle) bool { return t.Get(h) != nil }

// Renew ends h's tenancy and begins a new one of the same place in one step:
// change rewrites the value, and the new Handle is returned. Only the owner of
// h may call it, and no other Renew or Free of h may run at the same time.
func (t *Table[T]) Renew(h Handle, change func(*T)) Handle {
	s := t.at(h.index())
	s.gen.Store(h.generation() + 1) // readers of the old tenancy see it end first
	change(&s.val)
	gen := h.generation() + 2
	s.gen.Store(gen)
	return Handle(gen)<<32 | Handle(h.index())
}

// Free ends h's tenancy, lets clear drop what the value refers to, and makes
// the place available again. It reports false when the tenancy had ended.
func (t *Table[T]) Free(h Handle, clear func(*T)) bool {
	s := t.at(h.index())
	if s == nil || h.generation()&1 == 0 || !s.gen.CompareAndSwap(h.generation(), h.generation()+1) {
		return false
	}
	clear(&s.val)
	t.mu.Lock()
	s.next = t.head
	t.head = h.index()
	t.used--
	t.mu.Unlock()
	return true
}

// Len returns the number of places taken.
func (t *Table[T]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.used
}

// Each calls f for every place taken at the time of the visit.
func (t *Table[T]) Each(f func(Handle, *T)) {
	chunks := t.chunks.Load()
	if chunks == nil {
		return
	}
	for c := range *chunks {
		for i := range (*chunks)[c] {
			s := &(*chunks)[c][i]
			if gen := s.gen.Load(); gen&1 == 1 {
				f(Handle(gen)<<32|Handle(c<<chunkBits+i), &s.val)
			}
		}
	}
}
