// Package sys is where the system is called: the calls on the path of a byte,
// made raw where that is sound, and addresses in the kernel's form and in a
// compact one. It knows nothing of loops or connections.
//
// A raw system call does not tell Go's scheduler, which therefore does not
// take the processor away from the caller. That is right only for calls that
// do not block: all descriptors given to this package are non-blocking.
package sys
