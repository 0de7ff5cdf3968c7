package conn_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/net/nettest"
	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
	"github.com/moor-net/moor/runtime"
)

// pipePatience is how long anything may take before a test fails.
const pipePatience = 10 * time.Second

var pipeNames atomic.Int32

// pipeName returns the name of a pipe that nobody has.
func pipeName() string {
	return fmt.Sprintf(`\\.\pipe\moor-conn-%d-%d`, os.Getpid(), pipeNames.Add(1))
}

func listenPipe(t testing.TB, config *listener.PipeConfig) *listener.PipeListener {
	t.Helper()
	ln, err := listener.ListenPipe(pipeName(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func dialPipe(t testing.TB, ln net.Listener) *conn.PipeConn {
	t.Helper()
	c, err := conn.DialPipeTimeout(ln.Addr().String(), pipePatience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func acceptPipe(t testing.TB, ln *listener.PipeListener) *conn.PipeConn {
	t.Helper()
	c, err := ln.AcceptPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// isWine reports whether this is Wine, for the answers that are not Windows'.
func isWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// pipePair returns the two ends of a pipe.
func pipePair(t testing.TB, config *listener.PipeConfig) (client, server *conn.PipeConn) {
	t.Helper()
	ln := listenPipe(t, config)
	client = dialPipe(t, ln)
	server = acceptPipe(t, ln)
	ln.Close()
	return client, server
}

var bothModes = map[string]*listener.PipeConfig{
	"bytes":    nil,
	"messages": {MessageMode: true},
}

func TestNettestPipe(t *testing.T) {
	for mode, config := range bothModes {
		t.Run(mode, func(t *testing.T) {
			for range *rounds {
				nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
					ln, err := listener.ListenPipe(pipeName(), config)
					if err != nil {
						return nil, nil, nil, err
					}
					defer ln.Close()
					if c1, err = conn.DialPipe(ln.Addr().String()); err != nil {
						return nil, nil, nil, err
					}
					if c2, err = ln.Accept(); err != nil {
						return nil, nil, nil, err
					}
					return c1, c2, func() { c1.Close(); c2.Close() }, nil
				})
			}
		})
	}
}

// pipeError checks that err has package net's form.
func pipeError(t *testing.T, what string, err error, op, addr string, want error) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s: no error, want %v", what, want)
	}
	var o *net.OpError
	if !errors.As(err, &o) || o.Op != op || o.Net != "pipe" || o.Addr == nil || o.Addr.String() != addr {
		t.Errorf("%s: %#v, want a *net.OpError of %s on %s", what, err, op, addr)
	}
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
	if timeout := err.(net.Error).Timeout(); timeout != (want == os.ErrDeadlineExceeded || want == context.DeadlineExceeded) {
		t.Errorf("%s: %v, Timeout is %v", what, err, timeout)
	}
}

func TestPipeErrorsAreThoseOfPackageNet(t *testing.T) {
	nothing := pipeName()
	_, err := conn.DialPipe(nothing)
	pipeError(t, "no such pipe", err, "dial", nothing, fs.ErrNotExist)

	ln := listenPipe(t, nil)
	name := ln.Addr().String()
	if other, err := listener.ListenPipe(name, nil); err == nil && isWine() {
		other.Close() // Wine does not know FILE_FLAG_FIRST_PIPE_INSTANCE
	} else {
		pipeError(t, "a name that is taken", err, "listen", name, fs.ErrPermission)
	}

	ln.SetDeadline(time.Now().Add(-time.Second))
	_, err = ln.Accept()
	pipeError(t, "Accept too late", err, "accept", name, os.ErrDeadlineExceeded)
	ln.SetDeadline(time.Time{})

	client := dialPipe(t, ln) // nobody has accepted, and there is one instance
	start := time.Now()
	_, err = conn.DialPipeTimeout(name, 100*time.Millisecond)
	pipeError(t, "busy", err, "dial", name, context.DeadlineExceeded) // as of any dial
	if waited := time.Since(start); waited < 100*time.Millisecond {
		t.Errorf("a dial gave up after %v", waited)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = conn.DialPipeContext(ctx, name)
	pipeError(t, "cancelled", err, "dial", name, context.Canceled)

	server := acceptPipe(t, ln)
	client.SetDeadline(time.Now().Add(-time.Second))
	if _, err := server.Write([]byte("data that is there")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n, err := client.Read(make([]byte, 1))
		pipeError(t, "Read too late", err, "read", name, os.ErrDeadlineExceeded)
		if n != 0 {
			t.Errorf("Read too late: %d bytes", n)
		}
		_, err = client.Write([]byte("x"))
		pipeError(t, "Write too late", err, "write", name, os.ErrDeadlineExceeded)
	}
	client.SetDeadline(time.Time{})
	if n, err := client.Read(make([]byte, 64)); n != 18 || err != nil {
		t.Errorf("Read in time: %d, %v", n, err)
	}

	server.Close()
	if n, err := client.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read after the peer's Close: %d, %v, want io.EOF", n, err)
	}
	_, err = client.Write([]byte("x"))
	pipeError(t, "Write after the peer's Close", err, "write", name, windows.ERROR_NO_DATA)

	if err := client.Close(); err != nil {
		t.Error(err)
	}
	ln.Close()
	_, readErr := client.Read(make([]byte, 1))
	_, writeErr := client.Write([]byte("x"))
	_, emptyErr := client.Write(nil)
	_, acceptErr := ln.Accept()
	for what, err := range map[string]error{
		"read": readErr, "write": writeErr, "write ": emptyErr, "close": client.Close(), "set": client.SetDeadline(time.Now()),
		"accept": acceptErr, "close ": ln.Close(), "set ": ln.SetDeadline(time.Now()),
	} {
		pipeError(t, what+" after Close", err, strings.TrimSpace(what), name, net.ErrClosed)
	}
	_, err = conn.DialPipe(name)
	pipeError(t, "dial after Close", err, "dial", name, fs.ErrNotExist)
}

func TestPipeCarriesALotBothWays(t *testing.T) {
	for mode, config := range bothModes {
		t.Run(mode, func(t *testing.T) {
			client, server := pipePair(t, config)
			data := bytes.Repeat([]byte("moor"), 300_000)
			var wg sync.WaitGroup
			for _, c := range []*conn.PipeConn{client, server} {
				wg.Go(func() {
					if n, err := c.Write(data); n != len(data) || err != nil {
						t.Errorf("Write: %d, %v", n, err)
					}
				})
				wg.Go(func() {
					got := make([]byte, len(data))
					if n, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data) {
						t.Errorf("read %d bytes: %v", n, err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// What was written before Close is read after it, and then the end.
func TestPipeCloseLosesNothing(t *testing.T) {
	for mode, config := range bothModes {
		for _, from := range []string{"client", "server"} {
			w, r := pipePair(t, config)
			if from == "server" {
				w, r = r, w
			}
			if _, err := w.Write([]byte("last words")); err != nil {
				t.Fatal(err)
			}
			w.Close()
			if got, err := io.ReadAll(r); string(got) != "last words" || err != nil {
				t.Errorf("%s of the %s: %q, %v", mode, from, got, err)
			}
		}
	}
}

// A message is read by as many Reads as its length needs, and a Read stops at its
// end.
func TestPipeKeepsMessages(t *testing.T) {
	client, server := pipePair(t, &listener.PipeConfig{MessageMode: true})
	if !client.Messages() || !server.Messages() {
		t.Error("no pipe of messages")
	}
	for _, m := range []string{"one", "twenty", "three"} {
		if _, err := client.Write([]byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 4)
	for _, want := range []string{"one", "twen", "ty", "thre", "e"} {
		if n, err := server.Read(buf); string(buf[:n]) != want || err != nil {
			t.Errorf("%q, %v, want %q", buf[:n], err, want)
		}
	}
}

func TestPipeCloseWrite(t *testing.T) {
	client, server := pipePair(t, &listener.PipeConfig{MessageMode: true})
	if n, err := client.Write(nil); n != 0 || err != nil {
		t.Errorf("Write of nothing: %d, %v", n, err)
	}
	client.Write([]byte("question"))
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(server); string(got) != "question" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := server.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("Read after the end: %v", err)
	}
	_, err := client.Write([]byte("x"))
	pipeError(t, "Write after CloseWrite", err, "write", client.RemoteAddr().String(), windows.ERROR_NO_DATA)
	server.Write([]byte("answer"))
	server.Close()
	if got, err := io.ReadAll(client); string(got) != "answer" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	client, _ = pipePair(t, nil)
	pipeError(t, "CloseWrite of bytes", client.CloseWrite(), "close", client.LocalAddr().String(), errors.ErrUnsupported)
}

// A peer that writes nothing to a pipe of bytes says nothing by it.
func TestPipeOfBytesHasNoEmptyMessages(t *testing.T) {
	ln := listenPipe(t, nil)
	client, err := os.OpenFile(ln.Addr().String(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server := acceptPipe(t, ln)
	var n uint32
	if err := windows.WriteFile(windows.Handle(client.Fd()), nil, &n, nil); err != nil {
		t.Fatal(err)
	}
	client.WriteString("something")
	buf := make([]byte, 16)
	if n, err := server.Read(buf); string(buf[:n]) != "something" || err != nil {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

// A client that was there and has left before Accept is accepted all the same:
// what it has written is to be read.
func TestPipeClientThatHasLeft(t *testing.T) {
	ln := listenPipe(t, nil)
	client := dialPipe(t, ln)
	client.Write([]byte("I was here"))
	client.Close()
	server := acceptPipe(t, ln)
	if got, err := io.ReadAll(server); string(got) != "I was here" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	dialPipe(t, ln)
	acceptPipe(t, ln)
}

// Accept that was cut short by its deadline leaves the name to clients.
func TestPipeAcceptAgainAfterItsDeadline(t *testing.T) {
	ln := listenPipe(t, nil)
	for range 3 {
		ln.SetDeadline(time.Now().Add(20 * time.Millisecond))
		_, err := ln.Accept()
		pipeError(t, "Accept", err, "accept", ln.Addr().String(), os.ErrDeadlineExceeded)
	}
	client := dialPipe(t, ln)
	ln.SetDeadline(time.Time{})
	server := acceptPipe(t, ln)
	client.Write([]byte("hello"))
	buf := make([]byte, 16)
	if n, err := server.Read(buf); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// A deadline applies to a call that is blocked, whatever was set before, and a
// buffer is not written to after its Read has returned.
func TestPipeDeadlineOfABlockedCall(t *testing.T) {
	client, server := pipePair(t, &listener.PipeConfig{InputBufferSize: 4096, OutputBufferSize: 4096})
	for range 20 {
		client.SetReadDeadline(time.Now().Add(time.Hour))
		buf := make([]byte, 16)
		done := make(chan error)
		go func() {
			_, err := client.Read(buf)
			done <- err
		}()
		client.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		err := <-done
		pipeError(t, "Read", err, "read", client.LocalAddr().String(), os.ErrDeadlineExceeded)
		client.SetReadDeadline(time.Time{})
		server.Write([]byte("hello"))
		if !bytes.Equal(buf, make([]byte, 16)) {
			t.Fatal("the buffer of a Read that has ended was written to")
		}
		if n, err := client.Read(buf); n != 5 || err != nil {
			t.Fatalf("Read: %d, %v", n, err)
		}
	}
	client.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := client.Write(make([]byte, 1<<20))
	pipeError(t, "Write", err, "write", client.LocalAddr().String(), os.ErrDeadlineExceeded)
}

func TestPipeHasManyClients(t *testing.T) {
	ln := listenPipe(t, nil)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			c, err := conn.DialPipeTimeout(ln.Addr().String(), pipePatience)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			text := fmt.Sprint("client ", i)
			buf := make([]byte, len(text))
			c.Write([]byte(text))
			if _, err := io.ReadFull(c, buf); err != nil || string(buf) != text {
				t.Errorf("%q, %v, want %q", buf, err, text)
			}
		})
	}
	wg.Wait()
}

func TestPipeSecurityDescriptor(t *testing.T) {
	// Full access for the owner of the process and the system.
	_, server := pipePair(t, &listener.PipeConfig{SecurityDescriptor: "D:P(A;;GA;;;WD)(A;;GA;;;SY)"})
	server.Close()
	name := pipeName()
	_, err := listener.ListenPipe(name, &listener.PipeConfig{SecurityDescriptor: "nonsense"})
	var o *net.OpError
	if !errors.As(err, &o) || o.Op != "listen" {
		t.Errorf("%v, want a *net.OpError", err)
	}
}

// Shutdown closes a listener at once and waits for the connections.
func TestShutdownClosesPipes(t *testing.T) {
	rt, err := runtime.New(runtime.Config{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	ln := listenPipe(t, &listener.PipeConfig{Runtime: rt})
	client := dialPipe(t, ln)
	server := acceptPipe(t, ln)
	accepted := make(chan error, 1)
	go func() {
		_, err := ln.Accept()
		accepted <- err
	}()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- rt.Shutdown(ctx) }()
	pipeError(t, "Accept", <-accepted, "accept", ln.Addr().String(), net.ErrClosed)
	client.Write([]byte("x"))
	if n, err := server.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("Read while Shutdown waits: %d, %v", n, err)
	}
	cancel()
	_, err = server.Read(make([]byte, 1))
	pipeError(t, "Read", err, "read", ln.Addr().String(), net.ErrClosed)
	if err := <-ended; err != context.Canceled {
		t.Errorf("Shutdown: %v", err)
	}
}

var procHandleCount = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")

func handleCount(t testing.TB) int {
	t.Helper()
	var n uint32
	if r, _, err := procHandleCount.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); r == 0 {
		t.Fatalf("GetProcessHandleCount: %v", err)
	}
	return int(n)
}

// Whatever is in progress when ends and listener are closed, in whatever order:
// every call ends, and no handle is left.
func TestPipesLeaveNoHandles(t *testing.T) {
	round := func() {
		ln := listenPipe(t, nil)
		client := dialPipe(t, ln)
		server := acceptPipe(t, ln)
		var wg sync.WaitGroup
		for _, c := range []*conn.PipeConn{client, server} {
			for range 2 {
				wg.Go(func() { c.Read(make([]byte, 16)) })
				wg.Go(func() { c.Write(make([]byte, 1<<20)) })
			}
		}
		wg.Go(func() { ln.Accept() })
		for _, c := range []io.Closer{server, ln, client} {
			wg.Go(func() { c.Close() })
		}
		wg.Wait()
	}
	round()
	before := handleCount(t)
	for range 50 {
		round()
	}
	if after := handleCount(t); after > before+2 { // threads that Go has started
		t.Errorf("%d handles, were %d", after, before)
	}
}

// A connection that nobody refers to is closed, as package net's is.
func TestDroppedPipeIsClosed(t *testing.T) {
	ln := listenPipe(t, nil)
	func() {
		if _, err := conn.DialPipe(ln.Addr().String()); err != nil {
			t.Fatal(err)
		}
	}()
	server := acceptPipe(t, ln)
	ended := make(chan error, 1)
	go func() {
		_, err := server.Read(make([]byte, 1))
		ended <- err
	}()
	for {
		goruntime.GC()
		select {
		case err := <-ended:
			if err != io.EOF {
				t.Errorf("Read: %v, want io.EOF", err)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestNilPipe(t *testing.T) {
	var c *conn.PipeConn
	var ln *listener.PipeListener
	_, readErr := c.Read(nil)
	_, writeErr := c.Write(nil)
	_, acceptErr := ln.Accept()
	for i, err := range []error{readErr, writeErr, c.Close(), c.CloseWrite(), c.SetDeadline(time.Time{}), acceptErr, ln.Close(), ln.SetDeadline(time.Time{})} {
		if err == nil || c.LocalAddr() != nil || ln.Addr() != nil {
			t.Errorf("call %d of a nil pipe succeeds", i)
		}
	}
}
