package runtime

import (
	"os"
	"syscall"

	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/internal/sys"
)

// ReadFrom reads one message into p and stores the sender's address in addr,
// if there is one. What does not fit into p is lost. Unlike Read it takes an
// empty p to the system. Errors are *os.SyscallError of recvfrom(2).
func (fd *FD) ReadFrom(p []byte, addr *sys.RawAddr) (int, error) {
	if err := fd.begin(fdmutex.Read); err != nil {
		return 0, err
	}
	n, err := fd.readFrom(p, addr)
	fd.end(fdmutex.Read)
	fd.Loop().charge(n)
	return n, err
}

func (fd *FD) readFrom(p []byte, addr *sys.RawAddr) (int, error) {
	if err := fd.r.expired(); err != nil {
		return 0, err
	}
	for {
		if err := fd.awaitData(); err != nil {
			return 0, err
		}
		n, errno := fd.callRecvFrom(p, addr)
		if errno == syscall.EAGAIN {
			continue
		}
		fd.r.keep()
		if errno != 0 {
			return n, os.NewSyscallError(sys.RecvFromName, errno)
		}
		fd.Loop().in.Add(uint64(n))
		return n, fd.eof(n)
	}
}

// ReadMsg reads one message into p and its control messages into oob, and
// stores the sender's address in addr, if there is one. It returns both
// lengths and the flags of the message; flags are those of the call. With
// control messages alone to read, a connection gives up one byte of data as
// well. Errors are *os.SyscallError of recvmsg(2). As in package net n is -1 if
// there was none when it was called and waiting ended with an error, or if the
// system reported one.
func (fd *FD) ReadMsg(p, oob []byte, flags int, addr *sys.RawAddr) (n, oobn, rflags int, err error) {
	if err := fd.begin(fdmutex.Read); err != nil {
		return 0, 0, 0, err
	}
	n, oobn, rflags, err = fd.readMsg(p, oob, flags, addr)
	fd.end(fdmutex.Read)
	fd.Loop().charge(n)
	return n, oobn, rflags, err
}

func (fd *FD) readMsg(p, oob []byte, flags int, addr *sys.RawAddr) (n, oobn, rflags int, err error) {
	if err := fd.r.expired(); err != nil {
		return 0, sys.ControlFailed(oob), 0, err
	}
	var one [1]byte
	if fd.needsData(p, oob) {
		p = one[:]
	}
	for {
		if err := fd.awaitData(); err != nil {
			return sys.RecvMsgFailed, sys.ControlFailed(oob), 0, err
		}
		n, oobn, rflags, errno := fd.callRecvMsg(p, oob, flags, addr)
		if errno == syscall.EAGAIN {
			continue
		}
		fd.r.keep()
		if errno != 0 {
			return n, oobn, rflags, os.NewSyscallError(sys.RecvMsgName, errno)
		}
		fd.Loop().in.Add(uint64(n))
		return n, oobn, rflags, fd.eof(n)
	}
}

// needsData reports whether p must not be empty for oob to travel: control
// messages of a connection are attached to bytes.
func (fd *FD) needsData(p, oob []byte) bool {
	return len(p) == 0 && len(oob) > 0 && fd.kind != Packet
}

// WriteTo sends p as one message to addr. Errors are *os.SyscallError of
// sendto(2).
func (fd *FD) WriteTo(p []byte, addr *sys.RawAddr) (int, error) {
	if err := fd.begin(fdmutex.Write); err != nil {
		return 0, err
	}
	n, err := fd.writeTo(p, addr)
	fd.end(fdmutex.Write)
	fd.Loop().charge(n)
	return n, err
}

func (fd *FD) writeTo(p []byte, addr *sys.RawAddr) (int, error) {
	if err := fd.w.expired(); err != nil {
		return 0, err
	}
	for {
		switch errno := fd.callSendTo(p, addr); errno {
		case 0:
			fd.Loop().out.Add(uint64(len(p)))
			return len(p), nil
		case syscall.EAGAIN:
			if err := fd.awaitSpace(); err != nil {
				return 0, err
			}
		default:
			return 0, os.NewSyscallError(sys.SendToName, errno)
		}
	}
}

// WriteMsg sends p as one message with the control messages in oob to addr, or
// to the peer if addr is nil. On a Stream it may take part of p only. With
// control messages alone to send, a connection sends one byte of data as well,
// which is not counted. Errors are *os.SyscallError of sendmsg(2).
func (fd *FD) WriteMsg(p, oob []byte, addr *sys.RawAddr) (n, oobn int, err error) {
	if err := fd.begin(fdmutex.Write); err != nil {
		return 0, 0, err
	}
	n, oobn, err = fd.writeMsg(p, oob, addr)
	fd.end(fdmutex.Write)
	fd.Loop().charge(n)
	return n, oobn, err
}

func (fd *FD) writeMsg(p, oob []byte, addr *sys.RawAddr) (n, oobn int, err error) {
	if err := fd.w.expired(); err != nil {
		return 0, sys.ControlFailed(oob), err
	}
	var one [1]byte
	count := len(p)
	if fd.needsData(p, oob) {
		p = one[:]
	}
	for {
		n, errno := fd.callSendMsg(p, oob, addr)
		switch errno {
		case 0:
			n = min(n, count)
			fd.Loop().out.Add(uint64(n))
			return n, len(oob), nil
		case syscall.EAGAIN:
			if err := fd.awaitSpace(); err != nil {
				return 0, sys.ControlFailed(oob), err
			}
		default:
			return 0, sys.ControlFailed(oob), os.NewSyscallError(sys.SendMsgName, errno)
		}
	}
}
