//go:build amd64 || arm64

package prefetch

//go:noescape
func lines(address uintptr, n int)

// sleepsAt returns the stack pointer that the scheduler has kept for the goroutine
// id: sched.sp of runtime's type g, behind seven words.
//
//go:noescape
func sleepsAt(id uintptr) uintptr
