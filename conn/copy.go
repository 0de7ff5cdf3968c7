package conn

import (
	"io"
	"math"
	"net"
	"runtime"
	"syscall"

	"github.com/moor-net/moor/internal/sys"
)

var (
	_ io.ReaderFrom = (*TCPConn)(nil)
	_ io.WriterTo   = (*TCPConn)(nil)
)

// ReadFrom implements io.ReaderFrom: it copies r until its end into the
// connection.
//
// On Linux what comes from a file goes through sendfile(2), and what comes from
// a stream, of this package or of package net, through splice(2); r may be an
// io.LimitedReader of one. On Windows what comes from a file goes through
// TransmitFile. None of these passes through the program's memory.
func (c *TCPConn) ReadFrom(r io.Reader) (int64, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.readFrom(r)
	if err != nil && err != io.EOF {
		err = c.fail("readfrom", err)
	}
	runtime.KeepAlive(c)
	return n, err
}

func (c *TCPConn) readFrom(r io.Reader) (int64, error) {
	if bufs, ok := r.(*net.Buffers); ok {
		return c.WriteBuffers(bufs)
	}
	limited, src, limit := limitOf(r)
	if limit <= 0 {
		return 0, nil
	}
	n, handled, err := c.spliceFrom(src, limit)
	if !handled && n == 0 && err == nil {
		n, handled, err = c.sendFile(src, limit)
	}
	if limited != nil {
		limited.N -= n
	}
	if handled {
		return n, err
	}
	m, err := io.Copy(onlyWriter{c}, r)
	return n + m, err
}

// WriteTo implements io.WriterTo: it copies the connection until its end into
// w.
//
// On Linux what goes to a stream, of this package or of package net, into a
// file or into a pipe goes through splice(2), not through the program's memory.
func (c *TCPConn) WriteTo(w io.Writer) (int64, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.writeTo(w)
	if f, ok := err.(final); ok {
		err = f.error
	} else if err != nil && err != io.EOF {
		err = c.fail("writeto", err)
	}
	runtime.KeepAlive(c)
	return n, err
}

func (c *TCPConn) writeTo(w io.Writer) (int64, error) {
	n, handled, err := c.spliceTo(w)
	if handled {
		return n, err
	}
	m, err := io.Copy(w, readerOf{c})
	return n + m, err
}

// WriteBuffers writes the contents of all of bufs in order, like
// bufs.WriteTo(c), and as that does removes what it wrote from bufs. With one
// system call for every 1024 buffers it does what package net's own connections
// have a hook for that no other package can reach: over a connection of this
// one bufs.WriteTo makes a system call for every buffer.
//
// On a connection of datagrams all buffers are one datagram, up to 1024 of
// them.
func (c *conn) WriteBuffers(bufs *net.Buffers) (int64, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.fd.Writev((*[][]byte)(bufs))
	return n, c.do(sys.WritevName, err)
}

// final is an error in the form in which WriteTo returns it: that of the file
// whose ReadFrom has called it.
type final struct{ error }

// limitOf returns what r reads from at most so many bytes, and r if that is
// what limits it.
func limitOf(r io.Reader) (limited *io.LimitedReader, src io.Reader, limit int64) {
	if l, ok := r.(*io.LimitedReader); ok {
		return l, l.R, l.N
	}
	return nil, r, math.MaxInt64
}

// onlyWriter and readerOf hide the methods that io.Copy would call again.
// ReadFrom knows what is inside the latter.
type onlyWriter struct{ io.Writer }

type readerOf struct{ c *TCPConn }

func (r readerOf) Read(b []byte) (int, error) { return r.c.Read(b) }
