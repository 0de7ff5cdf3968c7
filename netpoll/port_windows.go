package netpoll

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A port is an I/O completion port. Everything that a Poll waits for comes out
// of one as a packet, whose key says who it is for. Of a file that was
// associated with a port each operation brings one packet when it completes,
// unless the call that began it failed:
// https://learn.microsoft.com/windows/win32/fileio/i-o-completion-ports
type port struct{ handle windows.Handle }

// Keys of packets.
const (
	wakeKey    = iota // posted by wake; nothing else is in it
	afdKey            // a socket's readiness; the overlapped is its number: see afd_windows.go
	foreignKey        // an operation of somebody else's handle: see overlapped_windows.go
)

// A packet is the system's OVERLAPPED_ENTRY. Addresses are plain numbers here,
// so that what the kernel writes is nothing to the garbage collector.
type packet struct {
	key        uintptr
	overlapped uintptr
	internal   uintptr // the NTSTATUS of the operation
	bytes      uint32
}

func (p *packet) status() windows.NTStatus { return windows.NTStatus(p.internal) }

// noWait and forever are timeouts in milliseconds.
const (
	noWait  = 0
	forever = windows.INFINITE
)

var (
	kernel32 = windows.NewLazySystemDLL("kernel32.dll")

	procGetQueuedCompletionStatusEx = kernel32.NewProc("GetQueuedCompletionStatusEx")
)

func newPort() (port, error) {
	// Any number of threads: who waits is serialised by Poll.
	h, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 0)
	if err != nil {
		return port{}, os.NewSyscallError("CreateIoCompletionPort", err)
	}
	return port{h}, nil
}

// associate makes the packets of h come to p under key, for as long as h is
// open. A file belongs to one port at most.
func (p port) associate(h windows.Handle, key uintptr) error {
	_, err := windows.CreateIoCompletionPort(h, p.handle, key, 0)
	return os.NewSyscallError("CreateIoCompletionPort", err)
}

// post queues a packet that has nothing but its key.
func (p port) post(key uintptr) error {
	err := windows.PostQueuedCompletionStatus(p.handle, 0, key, nil)
	return os.NewSyscallError("PostQueuedCompletionStatus", err)
}

// dequeue waits for packets and takes as many as there are and fit in buf, which
// is not empty. It returns none when the time is up.
//
// The scheduler is told that the thread may block. buf is kept alive by being
// an argument of the call, and has no pointers for the kernel to overwrite.
func (p port) dequeue(buf []packet, timeout uint32) (int, error) {
	var n uint32
	r, _, errno := syscall.SyscallN(procGetQueuedCompletionStatusEx.Addr(), uintptr(p.handle),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), uintptr(unsafe.Pointer(&n)), uintptr(timeout), 0)
	switch {
	case r != 0:
		return int(n), nil
	case errno == windows.Errno(windows.WAIT_TIMEOUT):
		return 0, nil
	}
	return 0, os.NewSyscallError("GetQueuedCompletionStatusEx", errno)
}

func (p port) close() { windows.CloseHandle(p.handle) }
