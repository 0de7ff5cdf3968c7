// Package runtime runs event loops over Polls and gives descriptors blocking
// operations on them: it is what package poll is inside Go's own os and net.
//
// A [Runtime] has some loops, each a goroutine with a Poll of its own. An [FD]
// is a descriptor that belongs to one of them. Its Read, Write and Accept try
// the system call first when there is reason to, and otherwise put the calling
// goroutine to sleep until the loop has seen the kernel's event.
//
// Most programs use packages conn and listener and never this one; [Default]
// is then the Runtime that everything runs on. Programs with a protocol stack
// of their own embed an FD in their connections.
package runtime
