//go:build amd64 || arm64

package goroutine

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Locked reports whether the calling goroutine is locked to its thread, by
// runtime.LockOSThread or because C code called it. Go has no function that
// tells. It takes two nanoseconds, the first call some ten microseconds. It
// always returns false if Go keeps the answer in a way that this package does
// not find.
//
// A locked goroutine has the address of its thread's structure twice in its
// own: once as every running goroutine has, and once in a word that is zero
// otherwise. Which word that is may differ between versions of Go, so it is
// found by looking at a goroutine that locks itself, before, while and after.
// What is read is the caller's own structure, which exists while it runs, and
// no further than it is long; what is found there is compared and not followed.
func Locked() bool {
	i := place.Load()
	if i == 0 {
		i = lockedWord()
		place.Store(i)
	}
	return i != nowhere && word(i) != 0
}

// place is the index of the word, nowhere if it was not found, and zero before
// anybody looked.
var place atomic.Uintptr

const nowhere = ^uintptr(0)

// words is how many words of the structure are looked at. On 64-bit systems it
// has had 47 and more since Go 1.17: see runtime/sizeof_test.go.
const words = 46

// lockedWord looks for the word. It can't be the first, the lower end of the
// stack, which is never zero.
var lockedWord = sync.OnceValue(func() uintptr {
	found := make(chan []uintptr)
	go func() {
		candidates := lookWhileLocking()
		for range 2 {
			again := lookWhileLocking()
			candidates = slices.DeleteFunc(candidates, func(i uintptr) bool { return !slices.Contains(again, i) })
		}
		found <- candidates
	}()
	if c := <-found; len(c) == 1 {
		return c[0]
	}
	return nowhere
})

// lookWhileLocking returns the words that might be the one.
func lookWhileLocking() (candidates []uintptr) {
	before := snapshot()
	runtime.LockOSThread()
	during := snapshot()
	runtime.UnlockOSThread()
	after := snapshot()
	for i := range uintptr(words) {
		if before[i] == 0 && after[i] == 0 && during[i] != 0 && slices.Index(during[:], during[i]) != int(i) {
			candidates = append(candidates, i)
		}
	}
	return candidates
}

func snapshot() (s [words]uintptr) {
	for i := range s {
		s[i] = word(uintptr(i))
	}
	return s
}
