package listener_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// A stack is package net or this library, behind one face.
type stack struct {
	dialer    func(net.Dialer) dialer
	dialTCP   func(network string, laddr, raddr *net.TCPAddr) (tcpConn, error)
	listen    func(lc net.ListenConfig, network, address string) (net.Listener, error)
	listenTCP func(network string, laddr *net.TCPAddr) (tcpListener, error)
	nilConn   tcpConn
	nilListen tcpListener
}

type dialer interface {
	Dial(network, address string) (net.Conn, error)
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// tcpConn has the methods of net.TCPConn.
type tcpConn interface {
	net.Conn
	io.ReaderFrom
	io.WriterTo
	syscall.Conn
	CloseRead() error
	CloseWrite() error
	SetLinger(sec int) error
	SetNoDelay(noDelay bool) error
	SetKeepAlive(keepalive bool) error
	SetKeepAlivePeriod(d time.Duration) error
	SetKeepAliveConfig(config net.KeepAliveConfig) error
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
	MultipathTCP() (bool, error)
	File() (*os.File, error)
}

// tcpListener has the methods of net.TCPListener, but for the one whose type
// differs.
type tcpListener interface {
	net.Listener
	syscall.Conn
	SetDeadline(t time.Time) error
	File() (*os.File, error)
}

var std = stack{
	dialer: func(d net.Dialer) dialer { return &d },
	dialTCP: func(network string, laddr, raddr *net.TCPAddr) (tcpConn, error) {
		c, err := net.DialTCP(network, laddr, raddr)
		if c == nil {
			return nil, err
		}
		return c, err
	},
	listen: func(lc net.ListenConfig, network, address string) (net.Listener, error) {
		return lc.Listen(context.Background(), network, address)
	},
	listenTCP: func(network string, laddr *net.TCPAddr) (tcpListener, error) {
		l, err := net.ListenTCP(network, laddr)
		if l == nil {
			return nil, err
		}
		return l, err
	},
	nilConn:   (*net.TCPConn)(nil),
	nilListen: (*net.TCPListener)(nil),
}

var ours = stack{
	dialer: func(d net.Dialer) dialer {
		return &conn.Dialer{Timeout: d.Timeout, Deadline: d.Deadline, LocalAddr: d.LocalAddr,
			//lint:ignore SA1019 deprecated, and still to be the same
			FallbackDelay: d.FallbackDelay, Cancel: d.Cancel, Control: d.Control, ControlContext: d.ControlContext}
	},
	dialTCP: func(network string, laddr, raddr *net.TCPAddr) (tcpConn, error) {
		c, err := conn.DialTCP(network, laddr, raddr)
		if c == nil {
			return nil, err
		}
		return c, err
	},
	listen: func(lc net.ListenConfig, network, address string) (net.Listener, error) {
		return (&listener.ListenConfig{Control: lc.Control}).Listen(context.Background(), network, address)
	},
	listenTCP: func(network string, laddr *net.TCPAddr) (tcpListener, error) {
		l, err := listener.ListenTCP(network, laddr)
		if l == nil {
			return nil, err
		}
		return l, err
	},
	nilConn:   (*conn.TCPConn)(nil),
	nilListen: (*listener.TCPListener)(nil),
}

var port = regexp.MustCompile(`(127\.0\.0\.\d+|\[::1?\]|0\.0\.0\.0):[0-9]{5}\b`)

// describe says all that a program can learn of an error. Ports that the system
// has chosen are left out.
func describe(err error) string {
	if err == nil {
		return "no error"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q", err)
	for e := err; e != nil; e = errors.Unwrap(e) {
		fmt.Fprintf(&b, "\n\tis a %T", e)
		if op, ok := e.(*net.OpError); ok {
			fmt.Fprintf(&b, " of %q on %q from %T %v to %T %v", op.Op, op.Net, op.Source, op.Source, op.Addr, op.Addr)
		}
		if n, ok := e.(net.Error); ok {
			fmt.Fprintf(&b, ", time-out %v, temporary %v", n.Timeout(), n.Temporary()) //lint:ignore SA1019 programs still ask
		}
	}
	for _, target := range []error{net.ErrClosed, io.EOF, os.ErrDeadlineExceeded, os.ErrPermission, os.ErrInvalid,
		context.Canceled, context.DeadlineExceeded, errors.ErrUnsupported,
		syscall.EACCES, syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.ECONNREFUSED, syscall.ECONNRESET,
		syscall.EINVAL, syscall.ENOTCONN, syscall.EPIPE, syscall.ETIMEDOUT} {
		if errors.Is(err, target) {
			fmt.Fprintf(&b, "\n\tmatches %q", target)
		}
	}
	as[*net.OpError](&b, err)
	as[*net.AddrError](&b, err)
	as[*net.DNSError](&b, err)
	as[*net.ParseError](&b, err)
	as[net.UnknownNetworkError](&b, err)
	as[net.InvalidAddrError](&b, err)
	as[*os.SyscallError](&b, err)
	as[syscall.Errno](&b, err)
	return port.ReplaceAllString(b.String(), "$1:port")
}

func as[T error](b *strings.Builder, err error) {
	if e, ok := errors.AsType[T](err); ok {
		fmt.Fprintf(b, "\n\tyields a %T: %v", e, e)
	}
}

// A record is what happened to a stack, one entry a step.
type record []string

// step notes a call's results.
func (r *record) step(name string, err error, results ...any) {
	*r = append(*r, name+" returned "+port.ReplaceAllString(fmt.Sprint(results...), "$1:port")+" "+describe(err))
}
