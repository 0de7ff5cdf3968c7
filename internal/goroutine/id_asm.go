//go:build amd64 || arm64

package goroutine

// Known reports whether this system's goroutines can be told apart.
const Known = true

// ID returns the identity of the calling goroutine, which is never zero. It
// takes about a nanosecond.
func ID() uintptr

// word returns the i'th word of the calling goroutine's structure.
func word(i uintptr) uintptr

// wordOf returns the i'th word of the structure of goroutine id, which exists or has
// existed.
func wordOf(id, i uintptr) uintptr
