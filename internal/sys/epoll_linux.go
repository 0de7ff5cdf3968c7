package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EpollWait stores the events that are queued on epfd right now; it never
// blocks. See epoll_pwait(2).
//
// The raw call is sound: with a timeout of zero it returns at once, so the
// scheduler need not know; events is kept alive by the caller's use of it
// and is not written after the return.
func EpollWait(epfd int, events []unix.EpollEvent) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// EpollWaitHere waits until there are events on epfd, which the caller makes
// sure is soon, or a signal has come: then it returns none.
//
// The raw call is sound: the scheduler takes the goroutine for one that computes,
// and its processor is held. Whoever wants to stop such a goroutine, as the
// garbage collector does, sends its thread a signal, and epoll_pwait(2) is not
// restarted after one (signal(7)). events is kept alive by the caller's use of
// it, does not move, since the goroutine can't be stopped in the call, and is not
// written after the return.
func EpollWaitHere(epfd int, events []unix.EpollEvent) (int, error) {
	const forever = ^uintptr(0)
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd),
		uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), forever, 0, 0)
	if errno == unix.EINTR {
		return 0, nil
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
