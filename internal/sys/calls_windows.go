package sys

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Names of the calls of this package in errors: those that package net has.
const (
	ConnectName   = "connectex"
	AcceptName    = "acceptex"
	ReadName      = "wsarecv"
	WriteName     = "wsasend"
	WritevName    = "wsasend"
	RecvFromName  = "wsarecvfrom"
	SendToName    = "wsasendto"
	RecvMsgName   = "wsarecvmsg"
	SendMsgName   = "wsasendmsg"
	RecvBatchName = "wsarecvmsg"
	SendBatchName = "wsasendmsg"
	DupName       = "wsaduplicatesocket"
)

// RecvMsgFailed is the number of bytes that package net returns with an error of
// this call.
const RecvMsgFailed = 0

// ControlFailed is the length of the control messages in oob that package net
// returns with an error of a call that has moved none: that of the buffer.
func ControlFailed(oob []byte) int { return len(oob) }

// A socket's number has 32 bits that count, like those of all handles, and is
// not negative, so an int32 holds it too.

// startWinsock makes Winsock ready; package net does so too, but later.
var startWinsock = sync.OnceValue(func() error {
	var data windows.WSAData
	return windows.WSAStartup(0x202, &data)
})

// Socket opens a socket that does not block and is not inherited.
func Socket(family, sotype, proto int) (int, error) {
	if err := startWinsock(); err != nil {
		return -1, err
	}
	s, err := windows.WSASocket(int32(family), int32(sotype), int32(proto), nil, 0,
		windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return -1, err
	}
	if err := SetNonblock(int(s), true); err != nil {
		windows.Closesocket(s)
		return -1, err
	}
	return int(s), nil
}

// SetNonblock sets whether the socket's calls return WSAEWOULDBLOCK instead of
// blocking.
func SetNonblock(fd int, on bool) error {
	const fionbio = 0x8004667e
	var mode, n uint32
	if on {
		mode = 1
	}
	return windows.WSAIoctl(windows.Handle(fd), fionbio, (*byte)(unsafe.Pointer(&mode)), uint32(unsafe.Sizeof(mode)),
		nil, 0, &n, nil, 0)
}

// Bind gives the socket its address.
func Bind(fd int, sa syscall.Sockaddr) error { return syscall.Bind(syscall.Handle(fd), sa) }

// Connect begins to connect the socket. It returns EINPROGRESS when that goes on.
func Connect(fd int, sa syscall.Sockaddr) error {
	failFast(fd, sa)
	err := syscall.Connect(syscall.Handle(fd), sa)
	if err == syscall.Errno(windows.WSAEWOULDBLOCK) {
		return syscall.EINPROGRESS
	}
	return err
}

// failFast makes a connect to the host itself that is refused fail at once. It
// would be tried again for two seconds otherwise.
func failFast(fd int, sa syscall.Sockaddr) {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		if sa.Addr[0] != 127 {
			return
		}
	case *syscall.SockaddrInet6:
		if sa.Addr != [16]byte{15: 1} {
			return
		}
	default:
		return
	}
	const sioTCPInitialRTO = 0x98000011
	// TCP_INITIAL_RTO_PARAMETERS: the first time-out as the system has it, and
	// no second attempt.
	params := struct {
		rtt        uint16
		maxRetries uint8
	}{0xffff, 0xfe}
	var n uint32
	// It fails before Windows 10 1709, which knows no such attempt.
	windows.WSAIoctl(windows.Handle(fd), sioTCPInitialRTO, (*byte)(unsafe.Pointer(&params)), uint32(unsafe.Sizeof(params)),
		nil, 0, &n, nil, 0)
}

// Listen makes the socket a listening one.
func Listen(fd, backlog int) error { return syscall.Listen(syscall.Handle(fd), backlog) }

// Getsockname returns the socket's own address.
func Getsockname(fd int) (syscall.Sockaddr, error) { return syscall.Getsockname(syscall.Handle(fd)) }

// Getpeername returns the peer's address.
func Getpeername(fd int) (syscall.Sockaddr, error) { return syscall.Getpeername(syscall.Handle(fd)) }

// SetsockoptInt sets an option.
func SetsockoptInt(fd, level, opt, value int) error {
	return syscall.SetsockoptInt(syscall.Handle(fd), level, opt, value)
}

// Close closes the socket. One that lingers is refused, and stays open, unless it
// blocks: see closesocket. It then waits, as on other systems.
func Close(fd int) error {
	err := windows.Closesocket(windows.Handle(fd))
	if err == windows.WSAEWOULDBLOCK && SetNonblock(fd, false) == nil {
		err = windows.Closesocket(windows.Handle(fd))
	}
	return err
}

// SocketError fetches and clears the socket's pending error: SO_ERROR. Zero
// means none.
func SocketError(fd int) (syscall.Errno, error) {
	const soError = 0x1007
	n, err := windows.GetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soError)
	return syscall.Errno(n), err
}

// Accept takes one connection off fd's queue, which does not block and is not
// inherited, and stores the peer's address in addr.
func Accept(fd int, addr *RawAddr) (int, syscall.Errno) {
	addr.size = int32(unsafe.Sizeof(addr.any))
	r, _, errno := syscall.SyscallN(procAccept.Addr(), uintptr(fd), uintptr(unsafe.Pointer(&addr.any)),
		uintptr(unsafe.Pointer(&addr.size)))
	if windows.Handle(r) == windows.InvalidHandle {
		switch errno {
		case syscall.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENOTCONN:
			// A connection that was reset while it waited is none. (The
			// last is Wine's, which finds no peer to ask for its address.)
			// Whether there is another one is for the caller to find out: on a
			// socket that somebody has made to block the next call would wait.
			return -1, syscall.EAGAIN
		}
		return -1, wouldBlock(errno)
	}
	// It has what the listening socket has, but for being inherited.
	s := windows.Handle(r)
	err := windows.SetHandleInformation(s, windows.HANDLE_FLAG_INHERIT, 0)
	if err == nil {
		err = SetNonblock(int(s), true)
	}
	if err != nil {
		windows.Closesocket(s)
		return -1, Errno(err)
	}
	return int(s), 0
}

// ShortReadMeansDrained reports whether a stream socket that filled a buffer
// only in part has nothing left. It need not be true: a Poll that is told that a
// read would block looks for itself.
func ShortReadMeansDrained(int) bool { return true }

// Readable reports whether a read of fd would not block: data, end of stream,
// an error, or a connection to accept. It does not wait: see WSAPoll.
func Readable(fd int) bool {
	const pollIn = 0x100 | 0x200 // POLLRDNORM | POLLRDBAND
	return poll(fd, pollIn) != 0 // what is wrong is for the read to tell
}

// Writable reports whether a write to fd would not block, or says what is wrong.
func Writable(fd int) bool {
	const pollOut = 0x10 // POLLWRNORM
	return poll(fd, pollOut) != 0
}

// poll returns what holds for fd of events and of what is told unasked. It is
// all of that when the system refuses to say.
func poll(fd int, events int16) (revents int16) {
	p := struct {
		fd              windows.Handle
		events, revents int16
	}{fd: windows.Handle(fd), events: events}
	r, _, _ := syscall.SyscallN(procWSAPoll.Addr(), uintptr(unsafe.Pointer(&p)), 1, 0)
	if int32(r) < 0 {
		return events
	}
	return p.revents
}

// Dup duplicates the socket. The duplicate shares its mode.
func Dup(fd int) (int, error) {
	var info windows.WSAProtocolInfo
	if err := windows.WSADuplicateSocket(windows.Handle(fd), windows.GetCurrentProcessId(), &info); err != nil {
		return -1, err
	}
	const fromInfo = -1 // FROM_PROTOCOL_INFO
	s, err := windows.WSASocket(fromInfo, fromInfo, fromInfo, &info, 0,
		windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	return int(s), err
}

// Shutdown ends one direction of a connection: syscall.SHUT_RD or SHUT_WR.
func Shutdown(fd, how int) error { return syscall.Shutdown(syscall.Handle(fd), how) }

// SetLinger sets what closing does with data that has not been sent.
func SetLinger(fd int, l *syscall.Linger) error {
	return syscall.SetsockoptLinger(syscall.Handle(fd), syscall.SOL_SOCKET, syscall.SO_LINGER, l)
}
