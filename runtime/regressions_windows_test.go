package runtime

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/internal/sys"
)

// Each test here failed once.

// What runs on a loop and closes an FD that sends a file waited for the packet,
// which nobody but that loop takes.
func TestCloseOnTheLoopDoesNotWaitForATransmission(t *testing.T) {
	rt, err := New(Config{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := pair(t, rt)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := a.TransmitFile(f.Fd(), 0, 32<<20)
		sent <- err
	}()
	waitFor(t, &a.w)
	closed := make(chan error, 1)
	rt.Loop(0).Post(func() { closed <- a.Close() })
	if err := within(t, closed, "Close"); err != nil {
		t.Error(err)
	}
	if err := within(t, sent, "TransmitFile"); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// pipeEnds returns both ends of a pipe with small buffers, the first as a Handle.
func pipeEnds(t *testing.T, rt *Runtime) (*Handle, windows.Handle) {
	t.Helper()
	name, _ := windows.UTF16PtrFromString(`\\.\pipe\moor-` + t.Name())
	server, err := windows.CreateNamedPipe(name, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED,
		windows.PIPE_TYPE_BYTE, 1, 1024, 1024, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { windows.CloseHandle(client) })
	h := new(Handle)
	if err := h.Init(rt, binding.FromRawHandle(binding.RawHandle(server)), Stream); err != nil {
		t.Fatal(err)
	}
	return h, client
}

// waitForSide waits until an operation has begun on s and is waited for.
func waitForSide(t *testing.T, s *handleSide) {
	t.Helper()
	eventually(t, "somebody waits", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.waiting
	})
}

// The same with an operation of a Handle.
func TestCloseOnTheLoopDoesNotWaitForAnOperation(t *testing.T) {
	rt, err := New(Config{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	h, _ := pipeEnds(t, rt)
	read := make(chan error, 1)
	go func() {
		_, err := h.Read(make([]byte, 1))
		read <- err
	}()
	waitForSide(t, &h.r)
	closed := make(chan error, 1)
	rt.Loop(0).Post(func() { closed <- h.Close() })
	if err := within(t, closed, "Close"); err != nil {
		t.Error(err)
	}
	if err := within(t, read, "Read"); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// A Write that a deadline had cut off began anew when the deadline was moved
// meanwhile: the other end had had a part of it, and had that twice.
func TestWriteIsNotRepeatedWhenItsDeadlineMoves(t *testing.T) {
	rt := start(t, 1)
	h, client := pipeEnds(t, rt)
	data := make([]byte, 64<<10)
	for i := range data {
		data[i] = byte(i >> 8)
	}
	type result struct {
		n   int
		err error
	}
	written := make(chan result, 1)
	go func() {
		n, err := h.Write(data)
		written <- result{n, err}
	}()
	waitForSide(t, &h.w)
	var got []byte
	buf := make([]byte, 16<<10)
	var n uint32
	if err := windows.ReadFile(client, buf, &n, nil); err != nil {
		t.Fatal(err)
	}
	got = append(got, buf[:n]...)
	h.SetWriteDeadline(time.Unix(1, 0))
	h.SetWriteDeadline(time.Time{})
	go func() { // ends the reading below
		r := <-written
		written <- r
		h.Close()
	}()
	for {
		if err := windows.ReadFile(client, buf, &n, nil); err != nil {
			break
		}
		got = append(got, buf[:n]...)
	}
	r := within(t, written, "Write")
	if len(got) > len(data) {
		t.Errorf("Write of %d bytes returned %d, %v; the other end had %d", len(data), r.n, r.err, len(got))
	}
	for i := range got {
		if i < len(data) && got[i] != data[i] {
			t.Fatalf("byte %d is %#x, want %#x", i, got[i], data[i])
		}
	}
	if r.err == nil && r.n != len(data) {
		t.Errorf("Write returned %d, %v", r.n, r.err)
	}
}

// A listener that somebody had made to block went on waiting in the system for the
// next connection when the first one had been reset.
func TestAcceptOfAResetConnectionDoesNotBlock(t *testing.T) {
	rt := start(t, 1)
	s, err := sys.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Bind(s, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := sys.Listen(s, 8); err != nil {
		t.Fatal(err)
	}
	at, err := sys.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: at.(*syscall.SockaddrInet4).Port})
	if err != nil {
		t.Fatal(err)
	}
	c.SetLinger(0)
	c.Close()
	fd := new(FD)
	if err := fd.Init(rt, s, Listener); err != nil {
		t.Fatal(err)
	}
	fd.Share()
	sys.SetNonblock(s, false)
	fd.SetReadDeadline(time.Now().Add(time.Second))
	accepted := make(chan error, 1)
	go func() {
		var addr sys.RawAddr
		n, err := fd.Accept(&addr)
		if err == nil {
			sys.Close(n)
			t.Log("a connection was accepted")
		}
		accepted <- err
	}()
	select {
	case err := <-accepted:
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("Accept blocks, whatever the deadline")
		net.Dial("tcp", c.RemoteAddr().String()) // so that the test ends
		<-accepted
	}
	fd.Close()
}

// A call was given all that there was, which Windows takes, whatever its size and
// that of the buffer.
func TestWriteGivesTheSystemSomeAtATime(t *testing.T) {
	rt := start(t, 1)
	a, _ := pair(t, rt)
	sys.SetsockoptInt(a.Sysfd(), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1<<20)
	data := make([]byte, 16<<20)
	const most = 128 << 10
	if n, errno := a.callWrite(data); n > most || errno != 0 {
		t.Errorf("one call was given %d bytes at least, %v", n, errno)
	}
	b, _ := pair(t, rt)
	sys.SetsockoptInt(b.Sysfd(), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1<<20)
	if n, errno := b.callWritev([][]byte{data, data}); n > most || errno != 0 {
		t.Errorf("one call was given %d bytes at least, %v", n, errno)
	}
}

// closesocket refuses a socket that lingers and does not block, and leaves it open.
// (Wine does not.)
func TestCloseOfASocketThatLingers(t *testing.T) {
	rt := start(t, 1)
	a, _ := pair(t, rt)
	s := a.Sysfd()
	if err := sys.SetLinger(s, &syscall.Linger{Onoff: 1, Linger: 1}); err != nil {
		t.Fatal(err)
	}
	fill(t, a)
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if _, err := windows.GetsockoptInt(windows.Handle(s), windows.SOL_SOCKET, 0x1008); err != windows.WSAENOTSOCK {
		t.Errorf("the socket is open: %v", err)
	}
}
