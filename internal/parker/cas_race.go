//go:build race

package parker

import _ "unsafe" // for go:linkname

// Under the race detector the functions of sync/atomic report to it on behalf
// of the goroutine, of which the scheduler's stack has none. This one is the
// same instruction without the report. The detector misses nothing: what
// happens before what is told to it by the words of those who use a Parker.
//
//go:linkname cas internal/runtime/atomic.Casuintptr
//go:noescape
func cas(word *uintptr, old, new uintptr) bool
