// Package goroutine tells goroutines apart, for code that has to know whether
// it was called by one that it knows.
//
// # Why this is sound
//
// The identity is the address of the structure that Go's runtime keeps for a
// goroutine. Every processor that Go has assembly for keeps it at hand, in a
// register or in the thread's storage, and Go's assembler has a documented name
// for the place; go.dev/doc/asm tells. The address is a number here, which is
// compared with others. Go neither moves nor frees such structures, so two
// goroutines that exist at the same time never have the same one; but it gives
// that of a goroutine that has ended to a later one. Whoever remembers an identity
// forgets it while that goroutine still runs.
//
// Whether a goroutine is locked to its thread, and whether it runs, is found in words
// of that very structure, which are read and not written: see locked.go and running.go.
package goroutine
