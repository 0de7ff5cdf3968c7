package netpoll_test

import (
	"io"
	"os"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/netpoll"
)

// See socket_unix_test.go.

type socket struct {
	t  testing.TB
	fd int // -1 when closed
}

type endpoint = windows.SockaddrInet4

// A registration is an object: packets of its requests may come when it has ended.
const perRegistration = 1

const errAgain = windows.WSAEWOULDBLOCK

var (
	ws2         = windows.NewLazySystemDLL("ws2_32.dll")
	procAccept  = ws2.NewProc("accept")
	procControl = ws2.NewProc("ioctlsocket")
)

// Wine gives itself away.
var onWine = windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil

// Wine reads a reset that has arrived before as the end of the stream; Windows
// says WSAECONNRESET.
var resetReadsAsEnd = onWine

var startWinsock = sync.OnceValue(func() error {
	var data windows.WSAData
	return windows.WSAStartup(0x202, &data)
})

func newSocket(t testing.TB, kind int) *socket {
	t.Helper()
	if err := startWinsock(); err != nil {
		t.Fatal(err)
	}
	h, err := windows.WSASocket(windows.AF_INET, int32(kind), 0, nil, 0,
		windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		t.Fatal(err)
	}
	return ownSocket(t, h)
}

func ownSocket(t testing.TB, h windows.Handle) *socket {
	t.Helper()
	const nonBlocking = 0x8004667e // FIONBIO
	on := uint32(1)
	if r, _, err := procControl.Call(uintptr(h), nonBlocking, uintptr(unsafe.Pointer(&on))); r != 0 {
		t.Fatalf("ioctlsocket: %v", err)
	}
	s := &socket{t, int(h)}
	t.Cleanup(func() {
		if s.fd >= 0 {
			s.close()
		}
	})
	return s
}

func (s *socket) handle() windows.Handle { return windows.Handle(s.fd) }

func loopback() *endpoint { return &endpoint{Addr: [4]byte{127, 0, 0, 1}} }

func listenTCP(t testing.TB) *socket {
	t.Helper()
	s := newSocket(t, windows.SOCK_STREAM)
	s.check("bind", windows.Bind(s.handle(), loopback()))
	s.check("listen", windows.Listen(s.handle(), 128))
	return s
}

func newStream(t testing.TB) *socket {
	t.Helper()
	return newSocket(t, windows.SOCK_STREAM)
}

func dialTCP(t testing.TB, to *endpoint) *socket {
	t.Helper()
	s := newStream(t)
	s.fail("connect", s.tryConnect(to))
	return s
}

func bindUDP(t testing.TB) *socket {
	t.Helper()
	s := newSocket(t, windows.SOCK_DGRAM)
	s.check("bind", windows.Bind(s.handle(), loopback()))
	return s
}

func (s *socket) check(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

func (s *socket) fail(what string, err error) error {
	s.t.Helper()
	if err != nil && err != errAgain {
		s.t.Fatalf("%s: %v", what, err)
	}
	return err
}

func (s *socket) source() netpoll.FD { return netpoll.FD(s.fd) }

func (s *socket) local() *endpoint {
	s.t.Helper()
	sa, err := windows.Getsockname(s.handle())
	s.check("getsockname", err)
	return sa.(*endpoint)
}

func (s *socket) peer() *endpoint {
	s.t.Helper()
	sa, err := windows.Getpeername(s.handle())
	s.check("getpeername", err)
	return sa.(*endpoint)
}

func (s *socket) tryConnect(to *endpoint) error { return windows.Connect(s.handle(), to) }

func inProgress(err error) bool { return err == errAgain }

func isRefused(err error) bool { return err == windows.WSAECONNREFUSED }

func (s *socket) connect(to *endpoint) {
	s.t.Helper()
	s.check("connect", s.tryConnect(to))
}

func (s *socket) accept() (*socket, error) {
	s.t.Helper()
	h, _, err := procAccept.Call(uintptr(s.fd), 0, 0)
	if windows.Handle(h) == windows.InvalidHandle {
		return nil, s.fail("accept", err)
	}
	return ownSocket(s.t, windows.Handle(h)), nil
}

// receive reads into several buffers at once.
func (s *socket) receive(bufs [][]byte, flags uint32) (int, error) {
	list := wsaBuffers(bufs)
	var n uint32
	err := windows.WSARecv(s.handle(), &list[0], uint32(len(list)), &n, &flags, nil, nil)
	return int(n), err
}

func wsaBuffers(bufs [][]byte) []windows.WSABuf {
	list := make([]windows.WSABuf, len(bufs))
	for i, b := range bufs {
		if len(b) > 0 {
			list[i] = windows.WSABuf{Len: uint32(len(b)), Buf: &b[0]}
		}
	}
	return list
}

func (s *socket) tryRead(p []byte) (int, error) { return s.receive([][]byte{p}, 0) }

func (s *socket) read(p []byte) (int, error) {
	s.t.Helper()
	n, err := s.tryRead(p)
	return n, s.fail("WSARecv", err)
}

func (s *socket) peek(p []byte) (int, error) {
	s.t.Helper()
	const peek = 2 // MSG_PEEK
	n, err := s.receive([][]byte{p}, peek)
	return n, s.fail("WSARecv", err)
}

func (s *socket) readv(bufs [][]byte) (int, error) {
	s.t.Helper()
	n, err := s.receive(bufs, 0)
	return n, s.fail("WSARecv", err)
}

func (s *socket) write(p []byte) (int, error) {
	s.t.Helper()
	return s.writev([][]byte{p})
}

func (s *socket) writev(bufs [][]byte) (int, error) {
	s.t.Helper()
	list := wsaBuffers(bufs)
	var n uint32
	err := windows.WSASend(s.handle(), &list[0], uint32(len(list)), &n, 0, nil, nil)
	return int(n), s.fail("WSASend", err)
}

func (s *socket) sendTo(p []byte, to *endpoint) {
	s.t.Helper()
	s.check("sendto", windows.Sendto(s.handle(), p, 0, to))
}

func (s *socket) shutdownWrite() {
	s.t.Helper()
	s.check("shutdown", windows.Shutdown(s.handle(), windows.SHUT_WR))
}

func (s *socket) abortOnClose() {
	s.t.Helper()
	s.check("setsockopt", windows.SetsockoptLinger(s.handle(), windows.SOL_SOCKET, windows.SO_LINGER, &windows.Linger{Onoff: 1}))
}

func (s *socket) pendingError() error {
	s.t.Helper()
	const soError = 0x1007 // SO_ERROR
	errno, err := windows.GetsockoptInt(s.handle(), windows.SOL_SOCKET, soError)
	s.check("getsockopt", err)
	if errno == 0 {
		return nil
	}
	return windows.Errno(errno)
}

func (s *socket) dup() *socket {
	s.t.Helper()
	var info windows.WSAProtocolInfo
	s.check("WSADuplicateSocket", windows.WSADuplicateSocket(s.handle(), uint32(os.Getpid()), &info))
	const fromInfo = -1 // FROM_PROTOCOL_INFO
	h, err := windows.WSASocket(fromInfo, fromInfo, fromInfo, &info, 0,
		windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	s.check("WSASocket", err)
	return ownSocket(s.t, h)
}

func (s *socket) close() {
	s.t.Helper()
	h := s.handle()
	s.fd = -1
	s.check("closesocket", windows.Closesocket(h))
}

func (s *socket) reuse(netpoll.FD) *socket {
	s.t.Helper()
	s.t.Skip("a socket's number can't be chosen on Windows")
	return nil
}

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

func cpuTime() time.Duration {
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user); err != nil {
		panic(err)
	}
	ticks := func(t windows.Filetime) int64 { return int64(t.HighDateTime)<<32 | int64(t.LowDateTime) }
	return time.Duration(ticks(kernel)+ticks(user)) * 100
}
