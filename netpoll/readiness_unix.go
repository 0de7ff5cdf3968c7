//go:build unix

package netpoll

import "golang.org/x/sys/unix"

// readiness translates the events of poll(2), or of epoll(7), whose bits are
// the same.
//
// A hang-up or an error counts as readable and writable: the operation does not
// block, and tells more.
func readiness(events uint32) (ready Ready) {
	if events&unix.POLLIN != 0 {
		ready |= Readable
	}
	if events&unix.POLLOUT != 0 {
		ready |= Writable
	}
	if events&unix.POLLPRI != 0 {
		ready |= Priority
	}
	if events&pollReadClosed != 0 {
		ready |= Readable | ReadClosed
	}
	if events&unix.POLLHUP != 0 {
		ready |= Readable | Writable | Hup | ReadClosed | WriteClosed
	}
	if events&unix.POLLERR != 0 {
		ready |= Readable | Writable | Error
		if events&(unix.POLLIN|unix.POLLHUP) == 0 { // the write end of a pipe without readers
			ready |= WriteClosed
		}
	}
	return ready
}
