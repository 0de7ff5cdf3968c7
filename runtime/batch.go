package runtime

import (
	"os"
	"syscall"

	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/internal/sys"
)

// ReadBatch waits until there is a message and receives as many as are there
// and fit in b, which is not empty. It returns how many. Errors are
// *os.SyscallError of recvmmsg(2).
func (fd *FD) ReadBatch(b *sys.Batch, flags int) (int, error) {
	if err := fd.begin(fdmutex.Read); err != nil {
		return 0, err
	}
	n, bytes, err := fd.readBatch(b, flags)
	fd.end(fdmutex.Read)
	fd.Loop().charge(bytes)
	return n, err
}

func (fd *FD) readBatch(b *sys.Batch, flags int) (n, bytes int, err error) {
	if err := fd.r.expired(); err != nil {
		return 0, 0, err
	}
	for {
		if err := fd.awaitData(); err != nil {
			if flags != 0 {
				fd.r.keep() // the error queue was empty, for instance
			}
			return 0, 0, err
		}
		n, errno := fd.callRecvBatch(b, flags)
		if errno == syscall.EAGAIN {
			continue
		}
		fd.r.keep()
		if errno != 0 {
			return 0, 0, os.NewSyscallError(sys.RecvBatchName, errno)
		}
		for i := range n {
			k, _, _ := b.Result(i)
			bytes += k
		}
		fd.Loop().in.Add(uint64(bytes))
		return n, bytes, nil
	}
}

// WriteBatch sends all messages of b, in order, waiting for space if need be.
// It returns how many it sent, and an error, of the next one, if that is less
// than all. Errors are *os.SyscallError of sendmmsg(2).
func (fd *FD) WriteBatch(b *sys.Batch, flags int) (int, error) {
	if err := fd.begin(fdmutex.Write); err != nil {
		return 0, err
	}
	n, bytes, err := fd.writeBatch(b, flags)
	fd.end(fdmutex.Write)
	fd.Loop().charge(bytes)
	return n, err
}

func (fd *FD) writeBatch(b *sys.Batch, flags int) (sent, bytes int, err error) {
	if err := fd.w.expired(); err != nil {
		return 0, 0, err
	}
	for sent < b.Len() {
		n, errno := fd.callSendBatch(b, sent, flags)
		for range n {
			k, _, _ := b.Result(sent)
			fd.Loop().out.Add(uint64(k))
			bytes += k
			sent++
		}
		switch errno {
		case 0:
		case syscall.EAGAIN:
			if err := fd.awaitSpace(); err != nil {
				return sent, bytes, err
			}
		default:
			return sent, bytes, os.NewSyscallError(sys.SendBatchName, errno)
		}
	}
	return sent, bytes, nil
}
