// Package runtime runs event loops over Polls and gives descriptors blocking
// operations on them: it is what package poll is inside Go's own os and net.
//
// A [Runtime] has some loops, each a goroutine with a Poll of its own. An [FD]
// is a descriptor that belongs to one of them at a time: see [Config].Pinned. Its
// Read, Write and Accept try the system call first when there is reason to, and
// otherwise put the calling goroutine to sleep until the loop has seen the kernel's
// event.
//
// [Coroutines] are blocking code that the loops run themselves: an operation
// that would block switches to the loop instead of putting a goroutine to
// sleep. If a coroutine blocks on something else, or computes, its loop is
// given to a fresh goroutine after [Config].Patience, so that all others go on;
// the coroutine continues where it was, and waits for the loop again when it
// next has to. One that does so again and again sleeps in its waits like any
// goroutine, for a while.
//
// Where events come one at a time and soon, the loop waits for them in the kernel
// itself, or the goroutine that reads from the one connection that is busy does. That
// takes much less CPU, and holds a processor (one of GOMAXPROCS) for some tenths of
// a millisecond at most, now and then in vain: see [netpoll.Poll.PollSoon].
//
// Most programs use packages conn and listener and never this one; [Default]
// is then the Runtime that everything runs on. Programs with a protocol stack
// of their own embed an FD in their connections.
package runtime
