package runtime

import (
	"io"
	"os"
	"syscall"

	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/internal/sys"
)

// blocking reports whether a system call that can't say for itself that it must
// not block would, because somebody has made a duplicate blocking.
func (fd *FD) blocking() bool { return fd.shared() && sys.Blocking(int(fd.sysfd)) }

// SendFile sends a file, given by its descriptor, from the file's offset on,
// which moves along: up to limit bytes, or to the end if limit is zero. It
// reports handled unless the rest must be sent in another way: because the
// system can't do it for this kind of file, or because a duplicate of the
// descriptor was made blocking. Errors are *os.SyscallError of sendfile(2).
func (fd *FD) SendFile(file uintptr, limit int64) (sent int64, handled bool, err error) {
	if err := fd.begin(fdmutex.Write); err != nil {
		return 0, false, err
	}
	sent, handled, err = fd.sendFile(int(file), limit)
	fd.end(fdmutex.Write)
	fd.Loop().charge(int(sent))
	return sent, handled, err
}

func (fd *FD) sendFile(file int, limit int64) (sent int64, handled bool, err error) {
	if err := fd.w.expired(); err != nil {
		return 0, false, err
	}
	for limit == 0 || sent < limit {
		if fd.blocking() {
			return sent, false, nil
		}
		chunk := int64(maxTransfer)
		if limit > 0 {
			chunk = min(chunk, limit-sent)
		}
		n, errno := sys.Sendfile(int(fd.sysfd), file, int(chunk))
		if n > 0 {
			sent += int64(n)
			fd.Loop().out.Add(uint64(n))
		}
		switch errno {
		case 0:
			if n == 0 {
				return sent, true, nil // the end of the file
			}
		case syscall.EAGAIN:
			if err := fd.awaitSpace(); err != nil {
				return sent, true, err
			}
		case syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.EINVAL:
			return sent, sent > 0, os.NewSyscallError("sendfile", errno)
		default:
			return sent, true, os.NewSyscallError("sendfile", errno)
		}
	}
	return sent, true, nil
}

// SpliceRead moves up to max bytes from the socket into a pipe, given by its
// writing end, that is empty. It waits until there are any; zero means the end.
// Errors are *os.SyscallError of splice(2), with EINVAL if the system can't do
// it for this kind of socket, or must not since a duplicate of the descriptor
// was made blocking.
func (fd *FD) SpliceRead(pipe, max int) (int, error) {
	if err := fd.begin(fdmutex.Read); err != nil {
		return 0, err
	}
	n, err := fd.spliceRead(pipe, max)
	fd.end(fdmutex.Read)
	fd.Loop().charge(n)
	return n, err
}

func (fd *FD) spliceRead(pipe, max int) (int, error) {
	if err := fd.r.expired(); err != nil {
		return 0, err
	}
	for {
		if err := fd.awaitData(); err != nil {
			return 0, err
		}
		if fd.blocking() {
			fd.r.keep()
			return 0, os.NewSyscallError("splice", syscall.EINVAL)
		}
		// The pipe has room: if this would block it is for lack of data.
		n, errno := sys.Splice(pipe, int(fd.sysfd), max)
		if errno == syscall.EAGAIN {
			continue
		}
		fd.r.keep()
		if errno != 0 {
			return 0, os.NewSyscallError("splice", errno)
		}
		fd.Loop().in.Add(uint64(n))
		return n, nil
	}
}

// SpliceWrite moves n bytes from a pipe, given by its reading end, that has as
// many, to the socket, and returns how many it moved. Errors are those of
// SpliceRead.
func (fd *FD) SpliceWrite(pipe, n int) (int, error) {
	if err := fd.begin(fdmutex.Write); err != nil {
		return 0, err
	}
	done, err := fd.spliceWrite(pipe, n)
	fd.end(fdmutex.Write)
	fd.Loop().charge(done)
	return done, err
}

func (fd *FD) spliceWrite(pipe, n int) (int, error) {
	if err := fd.w.expired(); err != nil {
		return 0, err
	}
	done := 0
	for done < n {
		if fd.blocking() {
			return done, os.NewSyscallError("splice", syscall.EINVAL)
		}
		// The pipe has data: if this would block it is for lack of space.
		m, errno := sys.Splice(int(fd.sysfd), pipe, n-done)
		done += m
		fd.Loop().out.Add(uint64(m))
		switch errno {
		case 0:
			if m == 0 {
				return done, io.ErrUnexpectedEOF
			}
		case syscall.EAGAIN:
			if err := fd.awaitSpace(); err != nil {
				return done, err
			}
		default:
			return done, os.NewSyscallError("splice", errno)
		}
	}
	return done, nil
}
