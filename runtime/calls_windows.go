package runtime

import (
	"syscall"

	"github.com/moor-net/moor/internal/sys"
)

// The methods of this file make the system calls of the operations. None may
// block: for one that does there would be no deadline, and no Close. The socket's
// mode sees to that, but it is not always ours alone: see mayBlock in mode_windows.go.

func (fd *FD) callRead(p []byte) (n int, errno syscall.Errno) {
	if !fd.enterRead() {
		return 0, syscall.EAGAIN
	}
	n, errno = sys.Read(int(fd.sysfd), p)
	fd.r.leave()
	if n == 0 && errno == 0 && fd.kind == Stream {
		errno = sys.End(int(fd.sysfd))
	}
	return n, errno
}

func (fd *FD) callWrite(p []byte) (n int, errno syscall.Errno) {
	most, ok := fd.enterWrite()
	if !ok {
		return 0, syscall.EAGAIN
	}
	n, errno = sys.Write(int(fd.sysfd), p[:min(len(p), most)])
	fd.w.leave()
	return n, errno
}

func (fd *FD) callWritev(bufs [][]byte) (n int, errno syscall.Errno) {
	most, ok := fd.enterWrite()
	switch {
	case !ok:
		return 0, syscall.EAGAIN
	case most == carefully: // the first of bufs is not empty
		n, errno = sys.Write(int(fd.sysfd), bufs[0][:min(len(bufs[0]), most)])
	default:
		n, errno = sys.Writev(int(fd.sysfd), bufs)
	}
	fd.w.leave()
	return n, errno
}

func (fd *FD) callAccept(addr *sys.RawAddr) (n int, errno syscall.Errno) {
	if !fd.enterRead() {
		return -1, syscall.EAGAIN
	}
	n, errno = sys.Accept(int(fd.sysfd), addr)
	fd.r.leave()
	return n, errno
}

func (fd *FD) callRecvFrom(p []byte, addr *sys.RawAddr) (n int, errno syscall.Errno) {
	if !fd.enterRead() {
		return 0, syscall.EAGAIN
	}
	n, errno = sys.RecvFrom(int(fd.sysfd), p, addr)
	fd.r.leave()
	return n, errno
}

func (fd *FD) callSendTo(p []byte, addr *sys.RawAddr) (errno syscall.Errno) {
	if _, ok := fd.enterWrite(); !ok {
		return syscall.EAGAIN
	}
	errno = sys.SendTo(int(fd.sysfd), p, addr)
	fd.w.leave()
	return errno
}

func (fd *FD) callRecvMsg(p, oob []byte, flags int, addr *sys.RawAddr) (n, oobn, rflags int, errno syscall.Errno) {
	if !fd.enterRead() {
		return 0, 0, 0, syscall.EAGAIN
	}
	n, oobn, rflags, errno = sys.RecvMsg(int(fd.sysfd), p, oob, flags, addr)
	fd.r.leave()
	return n, oobn, rflags, errno
}

func (fd *FD) callSendMsg(p, oob []byte, addr *sys.RawAddr) (n int, errno syscall.Errno) {
	if _, ok := fd.enterWrite(); !ok {
		return 0, syscall.EAGAIN
	}
	n, errno = sys.SendMsg(int(fd.sysfd), p, oob, addr)
	fd.w.leave()
	return n, errno
}

func (fd *FD) callRecvBatch(b *sys.Batch, flags int) (n int, errno syscall.Errno) {
	if !fd.enterRead() {
		return 0, syscall.EAGAIN
	}
	n, errno = sys.RecvBatch(int(fd.sysfd), b, flags)
	fd.r.leave()
	return n, errno
}

func (fd *FD) callSendBatch(b *sys.Batch, i, flags int) (n int, errno syscall.Errno) {
	if _, ok := fd.enterWrite(); !ok {
		return 0, syscall.EAGAIN
	}
	n, errno = sys.SendBatch(int(fd.sysfd), b, i, flags)
	fd.w.leave()
	return n, errno
}
