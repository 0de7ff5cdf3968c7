//go:build amd64 || arm64

package goroutine

import (
	"runtime"
	"slices"
	"sync"
)

// Running reports whether goroutine id runs, as far as Go's scheduler knows: it does not
// wait, for whatever it is, and is in no system call. The answer may be out of date at
// once. It takes some nanoseconds, the first call some ten microseconds. It is always
// true if Go keeps the answer in a way that this package does not find, and for zero.
//
// Go keeps a goroutine's status in a word of its structure, which it never frees, so it
// can be read whatever becomes of the goroutine meanwhile. Where that word is is found by
// looking at goroutines that run and wait in turn.
func Running(id uintptr) bool {
	i := statusPlace()
	return id == 0 || i == nowhere || statusAt(id, i) == running
}

// Go's numbers for a goroutine's status, and a bit that the collector adds to them: see
// runtime/runtime2.go.
const (
	running  = 2
	waiting  = 4
	scanning = 0x1000
)

// statusAt returns the i'th half of a word of id's structure as a status.
func statusAt(id, i uintptr) uint32 {
	return uint32(wordOf(id, i/2)>>(i%2*32)) &^ scanning
}

// statusPlace looks for the half of a word that is the status.
var statusPlace = sync.OnceValue(func() uintptr {
	var candidates []uintptr
	for i := range uintptr(2 * words) {
		candidates = append(candidates, i)
	}
	for range 3 {
		candidates = lookWhileWaiting(candidates)
	}
	if len(candidates) == 1 {
		return candidates[0]
	}
	return nowhere
})

// lookWhileWaiting returns those candidates that say what a goroutine does which runs
// and then waits.
func lookWhileWaiting(candidates []uintptr) []uintptr {
	says := func(id uintptr, status uint32) (those []uintptr) {
		for _, i := range candidates {
			if statusAt(id, i) == status {
				those = append(those, i)
			}
		}
		return those
	}
	type look struct {
		id    uintptr
		those []uintptr
	}
	looked, goOn := make(chan look), make(chan struct{})
	go func() {
		id := ID()
		looked <- look{id, says(id, running)}
		<-goOn
	}()
	defer close(goOn)
	l := <-looked
	candidates = l.those
	// It is about to wait, and there may be but one processor.
	for range 1000 {
		if those := says(l.id, waiting); len(those) > 0 {
			return those
		}
		runtime.Gosched()
	}
	return slices.Clip(candidates[:0])
}
