package netfd

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/internal/sys"
)

// A Source is what Splice copies from: an *FD, or what FromStd makes.
type Source interface {
	// SpliceRead is runtime.FD's method.
	SpliceRead(pipe, max int) (int, error)
}

// A Sink is what Splice copies to.
type Sink interface {
	// SpliceWrite is runtime.FD's method.
	SpliceWrite(pipe, n int) (int, error)
}

// Splice copies up to limit bytes from src to dst without taking them through
// the program's memory. It reports false if the system can't do it for these
// two, or not any more, and the rest is to be copied in the ordinary way. The
// errors are those of the ends.
//
// w is where dst leads. It is written what was taken from src when it turns
// out that dst can't be spliced to.
func Splice(dst Sink, src Source, limit int64, w io.Writer) (copied int64, handled bool, err error) {
	p := getPipe()
	if p == nil {
		return 0, false, nil
	}
	defer p.put()
	for copied < limit {
		n, err := src.SpliceRead(p.w, int(min(limit-copied, pipeSize)))
		switch {
		case errors.Is(err, unix.EINVAL):
			return copied, false, nil
		case err != nil || n == 0:
			return copied, true, err
		}
		p.held = n
		n, err = dst.SpliceWrite(p.r, n)
		copied += int64(n)
		p.held -= n
		if errors.Is(err, unix.EINVAL) {
			n, err := p.writeTo(w)
			return copied + n, err != nil, err
		}
		if err != nil {
			return copied, true, err
		}
	}
	return copied, true, nil
}

// A pipe is the way between the two ends.
type pipe struct {
	pipeEnds
	held    int // bytes in it; none while it is in the pool
	cleanup runtime.Cleanup
}

type pipeEnds struct{ r, w int }

// pipeSize is what is asked for; the system may give less.
const pipeSize = 1 << 20

// pipes are kept as long as the garbage collector lets the pool, and closed
// when it takes them.
var pipes sync.Pool

// getPipe returns nil when there are no descriptors left for a pipe.
func getPipe() *pipe {
	if p, ok := pipes.Get().(*pipe); ok {
		return p
	}
	r, w, err := sys.Pipe(pipeSize)
	if err != nil {
		return nil
	}
	p := &pipe{pipeEnds: pipeEnds{r, w}}
	p.cleanup = runtime.AddCleanup(p, pipeEnds.close, p.pipeEnds)
	return p
}

func (p *pipe) put() {
	if p.held == 0 {
		pipes.Put(p)
		return
	}
	// A transfer was broken off.
	p.cleanup.Stop()
	p.close()
}

func (e pipeEnds) close() {
	sys.Close(e.r)
	sys.Close(e.w)
}

// writeTo takes out what the pipe holds and writes it to w.
func (p *pipe) writeTo(w io.Writer) (int64, error) {
	buf := make([]byte, p.held)
	n, errno := sys.Read(p.r, buf)
	if errno != 0 {
		return 0, call("read", errno)
	}
	p.held -= n
	m, err := w.Write(buf[:n])
	return int64(m), err
}

// std is a stream of package net's, or a regular file, as an end of Splice.
type std struct{ syscall.RawConn }

// FromStd makes an end of Splice of a connection of package net's that is a
// stream of bytes. It reports false for anything else.
func FromStd(c syscall.Conn) (*std, bool) {
	return endOf(c, func(s int) bool {
		sotype, err := unix.GetsockoptInt(s, unix.SOL_SOCKET, unix.SO_TYPE)
		return err == nil && sotype == unix.SOCK_STREAM
	})
}

// FileSink makes an end of Splice of a regular file that is not open for
// appending, which splice(2) refuses, or of a pipe that can be waited for. It
// reports false for anything else, and an error for one that was closed.
func FileSink(f syscall.Conn) (*std, bool, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, false, err
	}
	ok := false
	if err := raw.Control(func(fd uintptr) { ok = canSink(int(fd)) }); err != nil {
		return nil, false, os.ErrClosed
	}
	return &std{raw}, ok, nil
}

func canSink(fd int) bool {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return false
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return flags&unix.O_APPEND == 0
	case unix.S_IFIFO:
		return flags&unix.O_NONBLOCK != 0
	}
	return false
}

func endOf(c syscall.Conn, fit func(fd int) bool) (*std, bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, false
	}
	ok := false
	if err := raw.Control(func(fd uintptr) { ok = fit(int(fd)) }); err != nil || !ok {
		return nil, false
	}
	return &std{raw}, true
}

// SpliceRead implements Source.
func (s *std) SpliceRead(pipe, max int) (n int, err error) {
	var errno syscall.Errno
	err = s.Read(func(fd uintptr) bool {
		n, errno = sys.Splice(pipe, int(fd), max)
		return errno != unix.EAGAIN
	})
	if err != nil {
		return 0, inner(err)
	}
	if errno != 0 {
		return 0, call("splice", errno)
	}
	return n, nil
}

// SpliceWrite implements Sink.
func (s *std) SpliceWrite(pipe, n int) (int, error) {
	done := 0
	var errno syscall.Errno
	err := s.Write(func(fd uintptr) bool {
		for done < n {
			var m int
			if m, errno = sys.Splice(int(fd), pipe, n-done); errno != 0 {
				return errno != unix.EAGAIN
			}
			if m == 0 {
				errno = unix.EIO
				return true
			}
			done += m
		}
		return true
	})
	switch {
	case err != nil:
		return done, inner(err)
	case errno != 0:
		return done, call("splice", errno)
	}
	return done, nil
}
