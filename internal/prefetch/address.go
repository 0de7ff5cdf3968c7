package prefetch

import "unsafe"

// Buffer returns the address of what p holds, to be asked for later.
func Buffer(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }

// Closure returns addresses that a call of f needs: that of its variables, of which
// it has two at least, and what the first two of them hold, since that is the
// address of one that f shares with others. F is the type of a function.
//
// This is sound because a function value is a pointer, to the address of the code
// and the variables behind it. Were another version of Go to order them in
// another way, other memory would be asked for.
func Closure[F any](f F) [3]uintptr {
	p := *(*unsafe.Pointer)(unsafe.Pointer(&f))
	words := (*[3]uintptr)(p)
	return [3]uintptr{uintptr(p), words[1], words[2]}
}
