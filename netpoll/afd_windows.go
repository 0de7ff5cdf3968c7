package netpoll

import (
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The Ancillary Function Driver is what Winsock's sockets are made of, and what
// select and WSAPoll ask. Its poll request tells once, by a packet at a port,
// that one of some events holds for a socket, at once if one does already. It is
// not documented; libuv, wepoll and mio rely on it, and so many programs that
// it is not going to change.

// afdEvents are the events of a poll request.
type afdEvents uint32

const (
	afdReceive     afdEvents = 0x001 // data, and what follows it is not told
	afdExpedited   afdEvents = 0x002 // urgent data
	afdSend        afdEvents = 0x004
	afdDisconnect  afdEvents = 0x008 // the peer's end, once the data was read
	afdAbort       afdEvents = 0x010 // reset
	afdClosed      afdEvents = 0x020 // the last handle of the socket was closed
	afdAccept      afdEvents = 0x080 // a listener tells nothing else
	afdConnectFail afdEvents = 0x100
)

// afdAlways is in every request that asks for anything.
const afdAlways = afdAbort | afdClosed | afdConnectFail

// afdMask returns the events that make the readiness.
func afdMask(ready Ready) (m afdEvents) {
	if ready&(Readable|ReadClosed) != 0 {
		m |= afdDisconnect
	}
	if ready&Readable != 0 {
		m |= afdReceive | afdAccept
	}
	if ready&Writable != 0 {
		m |= afdSend
	}
	if ready&Priority != 0 {
		m |= afdExpedited
	}
	if m != 0 {
		m |= afdAlways
	}
	return m
}

// readiness translates events. After a reset or a connect that has failed no
// operation blocks.
func (m afdEvents) readiness() (ready Ready) {
	if m&(afdReceive|afdAccept) != 0 {
		ready |= Readable
	}
	if m&afdExpedited != 0 {
		ready |= Priority
	}
	if m&afdSend != 0 {
		ready |= Writable
	}
	if m&afdDisconnect != 0 {
		ready |= Readable | ReadClosed
	}
	if m&(afdAbort|afdConnectFail) != 0 {
		ready |= Readable | Writable | Error | Hup | ReadClosed | WriteClosed
	}
	return ready
}

// A pollBlock is the memory of a request, which the kernel reads and writes
// until it has queued the packet: see pollblock_windows.go.
type pollBlock struct {
	info   afdPollInfo
	_      [afdPollInfoSize - unsafe.Sizeof(afdPollInfo{})]byte
	status ioStatus
}

// afdPollInfoSize is the size that C gives AFD_POLL_INFO, also with 32 bits, where Go
// aligns int64 to four bytes only.
const afdPollInfoSize = 32

// result returns how the request has ended, STATUS_PENDING if it has not. The
// kernel writes it after everything else: see HasOverlappedIoCompleted of the
// Windows SDK.
func (b *pollBlock) result() windows.NTStatus {
	return windows.NTStatus(atomic.LoadUintptr(&b.status.status)) // the lower half of the union
}

// found reports whether the request has ended because of one of the events. Those
// of a cancelled one are what was asked for.
func (b *pollBlock) found(events afdEvents) bool {
	return b.result() == windows.STATUS_SUCCESS && b.info.sockets > 0 && b.info.events&events != 0
}

// afdPollInfo is AFD_POLL_INFO with room for one socket.
type afdPollInfo struct {
	timeout   int64 // forever is the greatest
	sockets   uint32
	exclusive uint32
	socket    windows.Handle
	events    afdEvents
	result    windows.NTStatus
}

// ioStatus is IO_STATUS_BLOCK.
type ioStatus struct {
	status      uintptr // a union of NTSTATUS and a pointer
	information uintptr
}

const (
	ioctlAfdPoll = 0x12024

	// socketsPerAfd is how many sockets share a handle of the driver. Cancelling
	// walks through all requests of a handle, so there should not be many.
	socketsPerAfd = 32
)

var (
	ntdll = windows.NewLazySystemDLL("ntdll.dll")

	procNtDeviceIoControlFile = ntdll.NewProc("NtDeviceIoControlFile")
	procNtCancelIoFileEx      = ntdll.NewProc("NtCancelIoFileEx")
)

// An afd is a handle of the driver, and the sockets that are polled with it.
type afd struct {
	handle windows.Handle
	used   int // sockets
}

// openAfd opens a handle whose packets come to p.
func openAfd(p port) (*afd, error) {
	name, err := windows.NewNTUnicodeString(`\Device\Afd\Moor`)
	if err != nil {
		return nil, err
	}
	attributes := windows.OBJECT_ATTRIBUTES{ObjectName: name}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	var h windows.Handle
	var status windows.IO_STATUS_BLOCK
	err = windows.NtCreateFile(&h, windows.SYNCHRONIZE, &attributes, &status, nil, 0,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, windows.FILE_OPEN, 0, 0, 0)
	if err != nil {
		return nil, ntError("NtCreateFile", err)
	}
	if err = p.associate(h, afdKey); err == nil {
		// The port is all that hears of it.
		err = os.NewSyscallError("SetFileCompletionNotificationModes",
			windows.SetFileCompletionNotificationModes(h, windows.FILE_SKIP_SET_EVENT_ON_HANDLE))
	}
	if err != nil {
		windows.CloseHandle(h)
		return nil, err
	}
	return &afd{handle: h}, nil
}

// ntError gives a system call's NTSTATUS as the Windows error that it is.
func ntError(call string, err error) error {
	if status, ok := err.(windows.NTStatus); ok {
		err = status.Errno()
	}
	return os.NewSyscallError(call, err)
}

// poll begins a request for the events of socket, whose packet will have number
// in place of an OVERLAPPED's address. It does not block. When it fails there is
// no packet.
//
// b is not the kernel's at this moment, and stays valid whatever comes: see
// pollblock_windows.go.
func (a *afd) poll(socket windows.Handle, events afdEvents, number uintptr, b *pollBlock) error {
	b.info = afdPollInfo{timeout: 1<<63 - 1, sockets: 1, socket: socket, events: events}
	b.status = ioStatus{status: uintptr(windows.STATUS_PENDING)}
	info, status := uintptr(unsafe.Pointer(&b.info)), uintptr(unsafe.Pointer(&b.status))
	const size = uintptr(afdPollInfoSize)
	r, _, _ := syscall.SyscallN(procNtDeviceIoControlFile.Addr(), uintptr(a.handle), 0, 0, number, status,
		ioctlAfdPoll, info, size, info, size)
	switch s := windows.NTStatus(r); s {
	case windows.STATUS_SUCCESS, windows.STATUS_PENDING:
		return nil
	default:
		return ntError("NtDeviceIoControlFile", s)
	}
}

// cancel makes the request that b is lent to complete at once. It reports false
// if it has completed already. The packet comes in any case.
func (a *afd) cancel(b *pollBlock) bool {
	return cancelIO(a.handle, uintptr(unsafe.Pointer(&b.status)))
}

// cancelAll cancels all requests of the handle.
func (a *afd) cancelAll() { cancelIO(a.handle, 0) }

func cancelIO(h windows.Handle, request uintptr) bool {
	var status ioStatus
	r, _, _ := syscall.SyscallN(procNtCancelIoFileEx.Addr(), uintptr(h), request, uintptr(unsafe.Pointer(&status)))
	return windows.NTStatus(r) == windows.STATUS_SUCCESS
}

func (a *afd) close() { windows.CloseHandle(a.handle) }

// baseSocket returns the socket of the driver below s. The two differ when a
// layered service provider is installed; some of those hide it, but not from
// the other two questions.
func baseSocket(s windows.Handle) (windows.Handle, error) {
	const (
		sioBaseHandle      = 0x48000022
		sioBspHandlePoll   = 0x4800001d
		sioBspHandleSelect = 0x4800001c
	)
	base, err := askHandle(s, sioBaseHandle)
	if err == nil || err == windows.WSAENOTSOCK {
		return base, os.NewSyscallError("WSAIoctl", err)
	}
	for _, question := range []uint32{sioBspHandlePoll, sioBspHandleSelect} {
		if next, err := askHandle(s, question); err == nil && next != s {
			return baseSocket(next)
		}
	}
	return 0, os.NewSyscallError("WSAIoctl", err)
}

func askHandle(s windows.Handle, question uint32) (h windows.Handle, err error) {
	var n uint32
	err = windows.WSAIoctl(s, question, nil, 0, (*byte)(unsafe.Pointer(&h)), uint32(unsafe.Sizeof(h)), &n, nil, 0)
	return h, err
}

// isSocket reports whether fd names a socket, as it does until that is closed.
// It makes no system call that takes long.
func isSocket(fd uintptr) bool {
	const soType = 0x1008
	_, err := windows.GetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soType)
	return err != windows.WSAENOTSOCK
}
