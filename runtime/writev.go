package runtime

import (
	"io"
	"os"
	"syscall"

	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/internal/sys"
)

// Writev writes the contents of all of bufs, in order, with as few system
// calls as that takes: each takes 1024 buffers or 1 GiB. On a Packet FD each
// sends one message. It removes from bufs what it wrote, as net.Buffers does:
// it changes the outer slice and its elements, but not what they refer to. The
// number of bytes is returned, and an error if that is less than all. Errors
// are *os.SyscallError of writev(2).
func (fd *FD) Writev(bufs *[][]byte) (int64, error) {
	if err := fd.begin(fdmutex.Write); err != nil {
		return 0, err
	}
	n, err := fd.writev(bufs)
	fd.end(fdmutex.Write)
	fd.Loop().charge(int(n))
	return n, err
}

func (fd *FD) writev(bufs *[][]byte) (int64, error) {
	if err := fd.w.expired(); err != nil {
		return 0, err
	}
	var done int64
	for {
		consume(bufs, 0)
		if len(*bufs) == 0 {
			return done, nil
		}
		n, errno := fd.callWritev(*bufs)
		consume(bufs, n)
		done += int64(n)
		fd.Loop().out.Add(uint64(n))
		switch {
		case errno == syscall.EAGAIN:
			if err := fd.awaitSpace(); err != nil {
				return done, err
			}
		case errno != 0:
			return done, os.NewSyscallError(sys.WritevName, errno)
		case n == 0:
			return done, io.ErrUnexpectedEOF
		}
	}
}

// consume removes the first n bytes, and what is empty then.
func consume(bufs *[][]byte, n int) {
	for len(*bufs) > 0 {
		first := &(*bufs)[0]
		if len(*first) > n {
			*first = (*first)[n:]
			return
		}
		n -= len(*first)
		*first = nil
		*bufs = (*bufs)[1:]
	}
}
