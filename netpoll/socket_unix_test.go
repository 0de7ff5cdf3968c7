//go:build unix

package netpoll_test

import (
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

// A socket is a non-blocking socket of the system: what the suite registers.
// Its methods fail the test on every error but those that they return. The
// suite needs nothing else of the system; another one defines the same
// functions.
type socket struct {
	t  testing.TB
	fd int // -1 when closed
}

// An endpoint is the address of a socket on the loopback interface.
type endpoint = unix.SockaddrInet4

// perRegistration is how many objects a registration takes.
const perRegistration = 0

// errAgain is what an operation that would block returns.
const errAgain = unix.EAGAIN

func newSocket(t testing.TB, kind int) *socket {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, kind, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ownSocket(t, fd)
}

func ownSocket(t testing.TB, fd int) *socket {
	t.Helper()
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	s := &socket{t, fd}
	t.Cleanup(func() {
		if s.fd >= 0 {
			s.close()
		}
	})
	return s
}

func loopback() *endpoint { return &endpoint{Addr: [4]byte{127, 0, 0, 1}} }

// listenTCP returns a listening socket.
func listenTCP(t testing.TB) *socket {
	t.Helper()
	s := newSocket(t, unix.SOCK_STREAM)
	s.check("bind", unix.Bind(s.fd, loopback()))
	s.check("listen", unix.Listen(s.fd, 128))
	return s
}

// dialTCP begins to connect to the address.
func dialTCP(t testing.TB, to *endpoint) *socket {
	t.Helper()
	s := newSocket(t, unix.SOCK_STREAM)
	if err := unix.Connect(s.fd, to); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	return s
}

// bindUDP returns a UDP socket with an address.
func bindUDP(t testing.TB) *socket {
	t.Helper()
	s := newSocket(t, unix.SOCK_DGRAM)
	s.check("bind", unix.Bind(s.fd, loopback()))
	return s
}

func (s *socket) check(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// fail returns would-block errors and fails the test on others.
func (s *socket) fail(what string, err error) error {
	s.t.Helper()
	if err != nil && err != errAgain {
		s.t.Fatalf("%s: %v", what, err)
	}
	return err
}

// source returns the socket as a source.
func (s *socket) source() netpoll.FD { return netpoll.FD(s.fd) }

func (s *socket) local() *endpoint {
	s.t.Helper()
	sa, err := unix.Getsockname(s.fd)
	s.check("getsockname", err)
	return sa.(*endpoint)
}

func (s *socket) peer() *endpoint {
	s.t.Helper()
	sa, err := unix.Getpeername(s.fd)
	s.check("getpeername", err)
	return sa.(*endpoint)
}

// connect sets a UDP socket's peer.
func (s *socket) connect(to *endpoint) {
	s.t.Helper()
	s.check("connect", unix.Connect(s.fd, to))
}

// accept returns a connection, or errAgain.
func (s *socket) accept() (*socket, error) {
	s.t.Helper()
	fd, _, err := unix.Accept(s.fd)
	if err != nil {
		return nil, s.fail("accept", err)
	}
	return ownSocket(s.t, fd), nil
}

// tryRead returns any error.
func (s *socket) tryRead(p []byte) (int, error) {
	n, err := unix.Read(s.fd, p)
	return max(n, 0), err
}

// read returns 0 and no error at the end of a stream.
func (s *socket) read(p []byte) (int, error) {
	s.t.Helper()
	n, err := s.tryRead(p)
	return n, s.fail("read", err)
}

// peek reads without taking.
func (s *socket) peek(p []byte) (int, error) {
	s.t.Helper()
	n, _, err := unix.Recvfrom(s.fd, p, unix.MSG_PEEK)
	return max(n, 0), s.fail("recv", err)
}

func (s *socket) write(p []byte) (int, error) {
	s.t.Helper()
	n, err := unix.Write(s.fd, p)
	return max(n, 0), s.fail("write", err)
}

// writev writes from several buffers at once.
func (s *socket) writev(bufs [][]byte) (int, error) {
	s.t.Helper()
	n, err := unix.SendmsgBuffers(s.fd, bufs, nil, nil, 0)
	return max(n, 0), s.fail("sendmsg", err)
}

// readv reads into several buffers at once.
func (s *socket) readv(bufs [][]byte) (int, error) {
	s.t.Helper()
	n, _, _, _, err := unix.RecvmsgBuffers(s.fd, bufs, nil, 0)
	return max(n, 0), s.fail("recvmsg", err)
}

// sendTo sends a datagram.
func (s *socket) sendTo(p []byte, to *endpoint) {
	s.t.Helper()
	s.check("sendto", unix.Sendto(s.fd, p, 0, to))
}

// shutdownWrite ends the sending: the peer reads to the end.
func (s *socket) shutdownWrite() {
	s.t.Helper()
	s.check("shutdown", unix.Shutdown(s.fd, unix.SHUT_WR))
}

// shutdownRead ends the receiving.
func (s *socket) shutdownRead() {
	s.t.Helper()
	s.check("shutdown", unix.Shutdown(s.fd, unix.SHUT_RD))
}

// abortOnClose makes close reset the connection.
func (s *socket) abortOnClose() {
	s.t.Helper()
	s.check("setsockopt", unix.SetsockoptLinger(s.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
}

// pendingError takes the socket's error, nil for none.
func (s *socket) pendingError() error {
	s.t.Helper()
	errno, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	s.check("getsockopt", err)
	if errno == 0 {
		return nil
	}
	return unix.Errno(errno)
}

func (s *socket) dup() *socket {
	s.t.Helper()
	fd, err := unix.Dup(s.fd)
	s.check("dup", err)
	return ownSocket(s.t, fd)
}

func (s *socket) close() {
	s.t.Helper()
	fd := s.fd
	s.fd = -1
	s.check("close", unix.Close(fd))
}

// reuse gives the number of a descriptor that was closed to a duplicate of s.
func (s *socket) reuse(number netpoll.FD) *socket {
	s.t.Helper()
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, int(number))
	s.check("dup", err)
	if fd != int(number) {
		s.t.Fatalf("the number is %d, want %d again", fd, number)
	}
	return ownSocket(s.t, fd)
}

// readAll reads until it would block (and returns errAgain) or ends (and
// returns io.EOF).
func (s *socket) readAll() (data []byte, err error) {
	s.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		n, err := s.read(buf)
		if err != nil {
			return data, err
		}
		if n == 0 {
			return data, io.EOF
		}
		data = append(data, buf[:n]...)
	}
}

// cpuTime returns the CPU time that the process has used.
func cpuTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// newStream returns a TCP socket that is not connected.
func newStream(t testing.TB) *socket {
	t.Helper()
	return newSocket(t, unix.SOCK_STREAM)
}

// tryConnect begins to connect and returns how that went.
func (s *socket) tryConnect(to *endpoint) error { return unix.Connect(s.fd, to) }

// inProgress tells the error of a connect that goes on.
func inProgress(err error) bool { return err == unix.EINPROGRESS }

// A reset is read as what it is.
const resetReadsAsEnd = false

// isRefused reports whether err says that nobody listens.
func isRefused(err error) bool { return err == unix.ECONNREFUSED }
