package binding_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

// patience is how long anything may take before a test fails.
const patience = 10 * time.Second

var pipes atomic.Int32

// pipeName returns the name of a pipe that nobody has.
func pipeName() string { return fmt.Sprintf(`\\.\pipe\moor-binding-%d-%d`, os.Getpid(), pipes.Add(1)) }

// A device is an overlapped handle, with what most tests do with it.
type device struct {
	binding.Binding
	handle *binding.OwnedHandle
	poll   *netpoll.Poll
}

func (d *device) Register(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return d.RegisterHandle(d.handle.AsHandle(), p, token, interest, opts)
}

func (d *device) Reregister(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return d.ReregisterHandle(d.handle.AsHandle(), p, token, interest, opts)
}

func (d *device) Deregister(p *netpoll.Poll) error { return d.DeregisterHandle(d.handle.AsHandle(), p) }

func (d *device) Close() error {
	d.Forget()
	return d.handle.Close()
}

// begin begins ReadFile or WriteFile.
func (d *device) begin(o *binding.Overlapped, buf []byte, call func(windows.Handle, []byte, *uint32, *windows.Overlapped) error) error {
	var n uint32
	return d.BeginHandle(d.handle.AsHandle(), o, buf, func(h binding.RawHandle, raw *windows.Overlapped) error {
		return call(windows.Handle(h), buf, &n, raw)
	})
}

func (d *device) read(o *binding.Overlapped, buf []byte) error {
	return d.begin(o, buf, windows.ReadFile)
}
func (d *device) write(o *binding.Overlapped, b []byte) error {
	return d.begin(o, b, windows.WriteFile)
}

// connect begins ConnectNamedPipe.
func (d *device) connect(o *binding.Overlapped) error {
	return d.BeginHandle(d.handle.AsHandle(), o, nil, func(h binding.RawHandle, raw *windows.Overlapped) error {
		return windows.ConnectNamedPipe(windows.Handle(h), raw)
	})
}

// createPipe returns the server's end of a pipe, registered with p for
// everything under token.
func createPipe(t testing.TB, p *netpoll.Poll, token netpoll.Token, mode uint32) (d *device, name string) {
	t.Helper()
	name = pipeName()
	path, err := windows.UTF16PtrFromString(name)
	must(t, "UTF16PtrFromString", err)
	h, err := windows.CreateNamedPipe(path, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED, mode, 1, 4096, 4096, 0, nil)
	must(t, "CreateNamedPipe", err)
	d = &device{handle: binding.FromRawHandle(binding.RawHandle(h)), poll: p}
	t.Cleanup(func() { d.Close() })
	must(t, "Register", p.Register(d, token, netpoll.Readable|netpoll.Writable, netpoll.Edge))
	return d, name
}

// openPipe returns the client's end, for calls that wait.
func openPipe(t testing.TB, name string) *os.File {
	t.Helper()
	path, err := windows.UTF16PtrFromString(name)
	must(t, "UTF16PtrFromString", err)
	h, err := windows.CreateFile(path, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, 0, 0)
	must(t, "CreateFile", err)
	f := os.NewFile(uintptr(h), name)
	t.Cleanup(func() { f.Close() })
	return f
}

// newPipe returns both ends of a pipe.
func newPipe(t testing.TB, p *netpoll.Poll, token netpoll.Token, mode uint32) (*device, *os.File) {
	t.Helper()
	d, name := createPipe(t, p, token, mode)
	return d, openPipe(t, name)
}

// outcome is what a Done was told.
type outcome struct {
	n   int
	err error
}

// recorded returns an Overlapped and where its outcomes go.
func recorded(ready netpoll.Ready) (*binding.Overlapped, *[]outcome) {
	list := new([]outcome)
	return &binding.Overlapped{Ready: ready, Done: func(n int, err error) { *list = append(*list, outcome{n, err}) }}, list
}

// until polls until done says so.
func until(t testing.TB, p *netpoll.Poll, what string, done func() bool) {
	t.Helper()
	events := netpoll.NewEvents(16)
	for deadline := time.Now().Add(patience); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
		if _, err := p.Poll(events, 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// one waits for the only outcome so far and takes it.
func one(t testing.TB, p *netpoll.Poll, list *[]outcome) outcome {
	t.Helper()
	until(t, p, "the operation is complete", func() bool { return len(*list) > 0 })
	if len(*list) != 1 {
		t.Fatalf("outcomes %v, want one", *list)
	}
	got := (*list)[0]
	*list = nil
	return got
}

var procHandleCount = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")

// handles returns the number of handles that the process has.
func handles(t testing.TB) int {
	t.Helper()
	var n uint32
	if r, _, err := procHandleCount.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); r == 0 {
		t.Fatalf("GetProcessHandleCount: %v", err)
	}
	return int(n)
}
