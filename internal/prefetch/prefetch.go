// Package prefetch asks the processor for memory that will be needed soon.
//
// A server with many connections finds nothing of the next one in its caches,
// and waits for each part of it in turn. Asked for in advance, the parts of
// many connections come at the same time.
//
// # Why this is sound
//
// A prefetch is a hint: it changes nothing, and an address of no memory does no
// harm. So these functions may be given addresses that are out of date. One word
// is really read, by Stack, from the structure that Go's runtime keeps for a
// goroutine, which is never freed. What it holds is only used for a hint in
// turn; if another version of Go keeps something else there nothing is gained
// and nothing lost. A test tells.
package prefetch

// Sizes in lines. What a goroutine that is woken and runs needs of its structure
// is in its first part, but for one line; of its stack, what the calls use that it
// sleeps in.
const (
	structure = 4
	stack     = 12
)

// apart is where that line is: coroarg and bubble of runtime's type g, at which the
// scheduler looks when the goroutine sleeps again or switches to another.
const apart = 384

// Lines asks for n lines from the one on that address is in.
func Lines(address uintptr, n int) { lines(address, n) }

// Goroutine asks for what wakes the goroutine g: see package goroutine. Zero is
// none.
func Goroutine(g uintptr) {
	if g != 0 {
		lines(g, structure)
		lines(g+apart, 1)
	}
}

// Stack asks for the top of the stack of g, a goroutine that sleeps. It is best
// called some time after Goroutine. Zero is none.
func Stack(g uintptr) {
	if g != 0 {
		lines(sleepsAt(g), stack)
	}
}
