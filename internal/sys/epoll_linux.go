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
