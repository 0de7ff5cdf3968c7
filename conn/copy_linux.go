package conn

import (
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"syscall"

	"github.com/moor-net/moor/internal/netfd"
)

// sendFile copies up to limit bytes of a file into the connection.
func (c *TCPConn) sendFile(src io.Reader, limit int64) (n int64, handled bool, err error) {
	// Not *os.File alone: io.Copy may come with one whose WriteTo it hides.
	f, ok := src.(syscall.Conn)
	if !ok {
		return 0, false, nil
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, false, nil
	}
	if limit == math.MaxInt64 {
		limit = 0
	}
	rawErr := raw.Read(func(fd uintptr) bool {
		n, handled, err = c.fd.SendFile(fd, limit)
		return true
	})
	if rawErr != nil {
		err = rawErr
	}
	return n, handled, err
}

// spliceFrom copies up to limit bytes of a stream into the connection.
func (c *TCPConn) spliceFrom(src io.Reader, limit int64) (n int64, handled bool, err error) {
	var from netfd.Source
	switch src := src.(type) {
	case *TCPConn:
		if src.ok() {
			from = src.fd
		}
	case readerOf:
		from = src.c.fd
	case *UnixConn:
		if src.ok() && src.fd.Network() == "unix" {
			from = src.fd
		}
	case syscall.Conn:
		// Only types that are known to read what their socket reads. Package
		// net has some of its own behind io.Copy.
		if !isOf("net", src) {
			return 0, false, nil
		}
		if end, ok := netfd.FromStd(src); ok {
			from = end
		}
	}
	if from == nil {
		return 0, false, nil
	}
	n, handled, err = netfd.Splice(c.fd, from, limit, onlyWriter{c})
	runtime.KeepAlive(src)
	return n, handled, err
}

// A namedFile is an *os.File, or what package os hides one in.
type namedFile interface {
	syscall.Conn
	Name() string
}

// fileOf reports whether w is a file. A file whose ReadFrom was called hides
// itself in a type of package os without that method.
func fileOf(w io.Writer) (f namedFile, hidden, ok bool) {
	f, ok = w.(namedFile)
	if !ok || !isOf("os", f) {
		return nil, false, false
	}
	_, plain := f.(*os.File)
	return f, !plain, true
}

// spliceTo copies the connection until its end into a stream or file. To a
// *TCPConn the ordinary way leads through its ReadFrom.
func (c *TCPConn) spliceTo(w io.Writer) (n int64, handled bool, err error) {
	var to netfd.Sink
	form := func(err error) error { return err }
	if f, hidden, ok := fileOf(w); ok {
		end, ok, err := netfd.FileSink(f)
		if !ok && err == nil {
			return 0, false, nil
		}
		form = func(err error) error {
			if err == nil {
				return nil
			}
			err = &os.PathError{Op: "write", Path: f.Name(), Err: err}
			if hidden {
				return final{err}
			}
			return err
		}
		if err != nil {
			return 0, true, form(err)
		}
		to = end
	}
	switch w := w.(type) {
	case *UnixConn:
		if w.ok() && w.fd.Network() == "unix" {
			to = w.fd
		}
	case *net.TCPConn:
		if end, ok := netfd.FromStd(w); ok {
			to = end
		}
	case *net.UnixConn:
		if end, ok := netfd.FromStd(w); ok {
			to = end
		}
	}
	if to == nil {
		return 0, false, nil
	}
	n, handled, err = netfd.Splice(to, c.fd, math.MaxInt64, w)
	runtime.KeepAlive(w)
	return n, handled, form(err)
}
