//go:build !windows

package runtime

import (
	"syscall"

	"github.com/moor-net/moor/internal/sys"
)

// completes: see transmit_windows.go.
const completes = false

// The methods of this file make the system calls of the operations.

func (fd *FD) callRead(p []byte) (n int, errno syscall.Errno) {
	if fd.shared() {
		n, errno = sys.ReadShared(int(fd.sysfd), p)
	} else {
		n, errno = sys.Read(int(fd.sysfd), p)
	}
	if n == 0 && errno == 0 && fd.kind == Stream {
		errno = sys.End(int(fd.sysfd))
	}
	return n, errno
}

func (fd *FD) callWrite(p []byte) (int, syscall.Errno) {
	if fd.shared() {
		return sys.WriteShared(int(fd.sysfd), p)
	}
	return sys.Write(int(fd.sysfd), p)
}

func (fd *FD) callAccept(addr *sys.RawAddr) (int, syscall.Errno) {
	if fd.shared() {
		return sys.AcceptShared(int(fd.sysfd), addr)
	}
	return sys.Accept(int(fd.sysfd), addr)
}

// The others say for themselves that they must not block.

func (fd *FD) callWritev(bufs [][]byte) (int, syscall.Errno) {
	return sys.Writev(int(fd.sysfd), bufs)
}

func (fd *FD) callRecvFrom(p []byte, addr *sys.RawAddr) (int, syscall.Errno) {
	return sys.RecvFrom(int(fd.sysfd), p, addr)
}

func (fd *FD) callSendTo(p []byte, addr *sys.RawAddr) syscall.Errno {
	return sys.SendTo(int(fd.sysfd), p, addr)
}

func (fd *FD) callRecvMsg(p, oob []byte, flags int, addr *sys.RawAddr) (n, oobn, rflags int, errno syscall.Errno) {
	return sys.RecvMsg(int(fd.sysfd), p, oob, flags, addr)
}

func (fd *FD) callSendMsg(p, oob []byte, addr *sys.RawAddr) (int, syscall.Errno) {
	return sys.SendMsg(int(fd.sysfd), p, oob, addr)
}

func (fd *FD) callRecvBatch(b *sys.Batch, flags int) (int, syscall.Errno) {
	return sys.RecvBatch(int(fd.sysfd), b, flags)
}

func (fd *FD) callSendBatch(b *sys.Batch, i, flags int) (int, syscall.Errno) {
	return sys.SendBatch(int(fd.sysfd), b, i, flags)
}

// letBlock and forbidBlock bracket the functions of RawRead and RawWrite, which
// find the descriptor as it is.

func (fd *FD) letBlock(*side) error { return nil }

func (fd *FD) forbidBlock(*side) {}
