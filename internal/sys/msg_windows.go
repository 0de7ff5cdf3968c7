package sys

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// RecvFrom receives a message into p and stores the sender's address in addr,
// if there is one: see recvfrom. A message that is cut off is an error on
// Windows, WSAEMSGSIZE, and what fits is there.
func RecvFrom(fd int, p []byte, addr *RawAddr) (int, syscall.Errno) {
	addr.size = int32(unsafe.Sizeof(addr.any))
	r, _, errno := syscall.SyscallN(procRecvFrom.Addr(), uintptr(fd), uintptr(base(p)), uintptr(len(p)), 0,
		uintptr(unsafe.Pointer(&addr.any)), uintptr(unsafe.Pointer(&addr.size)))
	return received(p, r, errno)
}

// SendTo sends p as a message to addr: see sendto.
func SendTo(fd int, p []byte, addr *RawAddr) syscall.Errno {
	if addr.size < 0 {
		return syscall.EINVAL
	}
	r, _, errno := syscall.SyscallN(procSendTo.Addr(), uintptr(fd), uintptr(base(p)), uintptr(len(p)), 0,
		uintptr(unsafe.Pointer(&addr.any)), uintptr(addr.size))
	_, errno = count(r, errno)
	return errno
}

// RecvMsg receives a message into p with its control messages in oob and
// stores the sender's address in addr, if there is one. It returns both
// lengths and the message's flags, also with an error: see WSARecvMsg.
func RecvMsg(fd int, p, oob []byte, flags int, addr *RawAddr) (n, oobn, rflags int, errno syscall.Errno) {
	buf := wsaBuf(p)
	n, oobn, rflags, errno = recvMsg(fd, &buf, 1, oob, flags, addr)
	if errno == windows.WSAEMSGSIZE && n == 0 && rflags&windows.MSG_CTRUNC == 0 {
		n = len(p) // not counted, as by recv; of control messages nobody knows
	}
	return n, oobn, rflags, errno
}

func recvMsg(fd int, bufs *windows.WSABuf, count int, oob []byte, flags int, addr *RawAddr) (n, oobn, rflags int, errno syscall.Errno) {
	msg := windows.WSAMsg{
		Name:        (*syscall.RawSockaddrAny)(unsafe.Pointer(&addr.any)),
		Namelen:     int32(unsafe.Sizeof(addr.any)),
		Buffers:     bufs,
		BufferCount: uint32(count),
		Control:     wsaBuf(oob),
		Flags:       uint32(flags),
	}
	var got uint32
	if err := windows.WSARecvMsg(windows.Handle(fd), &msg, &got, nil, nil); err != nil {
		return int(got), int(msg.Control.Len), int(msg.Flags), wouldBlock(Errno(err))
	}
	addr.size = msg.Namelen
	return int(got), int(msg.Control.Len), int(msg.Flags), 0
}

// SendMsg sends p as a message to addr, or to the peer if addr is nil, with
// the control messages in oob: see WSASendMsg, which is for datagrams alone.
func SendMsg(fd int, p, oob []byte, addr *RawAddr) (int, syscall.Errno) {
	buf := wsaBuf(p)
	return sendMsg(fd, &buf, 1, oob, 0, addr)
}

func sendMsg(fd int, bufs *windows.WSABuf, count int, oob []byte, flags int, addr *RawAddr) (int, syscall.Errno) {
	msg := windows.WSAMsg{Buffers: bufs, BufferCount: uint32(count), Control: wsaBuf(oob)}
	if addr != nil {
		if addr.size < 0 {
			return 0, syscall.EINVAL
		}
		msg.Name, msg.Namelen = (*syscall.RawSockaddrAny)(unsafe.Pointer(&addr.any)), addr.size
	}
	var sent uint32
	if err := windows.WSASendMsg(windows.Handle(fd), &msg, uint32(flags), &sent, nil, nil); err != nil {
		return 0, wouldBlock(Errno(err))
	}
	return int(sent), 0
}

func wsaBuf(p []byte) windows.WSABuf {
	if len(p) == 0 {
		return windows.WSABuf{}
	}
	return windows.WSABuf{Len: uint32(len(p)), Buf: &p[0]}
}

// RightsFlags and SetRightsCloseOnExec have nothing to do: no descriptors
// travel over sockets here.
const RightsFlags = 0

// SetRightsCloseOnExec does nothing.
func SetRightsCloseOnExec([]byte) {}

// bufsMax is how many buffers one call takes.
const bufsMax = 1024

// MostAtOnce bounds what one call gives to a stream. Windows copies all of it into
// memory of its own as long as less than SO_SNDBUF is there, or says WSAENOBUFS:
// without a bound a peer that does not read costs as much as there is to be written,
// and no deadline passes. It is more than the buffer's usual size.
const MostAtOnce = 128 << 10

// maxBytes bounds what one call moves; a datagram is smaller.
const maxBytes = MostAtOnce

// wsaBufs are lent to calls.
var wsaBufs = sync.Pool{New: func() any { return new([bufsMax]windows.WSABuf) }}

// Writev writes as much of bufs as one call takes, in order: see WSASend. It
// says nothing to the race detector, as package net's does not.
func Writev(fd int, bufs [][]byte) (int, syscall.Errno) {
	list := wsaBufs.Get().(*[bufsMax]windows.WSABuf)
	n, bytes := 0, 0
	for _, b := range bufs {
		if len(b) == 0 {
			continue
		}
		list[n] = wsaBuf(b[:min(len(b), maxBytes-bytes)])
		bytes += int(list[n].Len)
		n++
		if n == bufsMax || bytes == maxBytes {
			break
		}
	}
	var sent uint32
	var errno syscall.Errno
	if n > 0 {
		var r uintptr
		r, _, errno = syscall.SyscallN(procWSASend.Addr(), uintptr(fd), uintptr(unsafe.Pointer(list)), uintptr(n),
			uintptr(unsafe.Pointer(&sent)), 0, 0, 0)
		if r == 0 {
			errno = 0
		}
	}
	clear(list[:n])
	wsaBufs.Put(list)
	return int(sent), wouldBlock(errno)
}
