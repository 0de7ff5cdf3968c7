package netpoll_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/netpoll"
)

var pipes atomic.Int32

// openPipe returns the two ends of a named pipe; the first is overlapped.
func openPipe(t testing.TB) (server, client windows.Handle) {
	t.Helper()
	name, err := windows.UTF16PtrFromString(fmt.Sprintf(`\\.\pipe\moor-%d-%d`, os.Getpid(), pipes.Add(1)))
	if err != nil {
		t.Fatal(err)
	}
	server, err = windows.CreateNamedPipe(name, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED,
		windows.PIPE_TYPE_BYTE, 1, 4096, 4096, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { windows.CloseHandle(server) })
	client, err = windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { windows.CloseHandle(client) })
	return server, client
}

// An operation that is begun completes in Poll, among sockets' events.
func TestForeignOperationCompletesInPoll(t *testing.T) {
	p := newPoller(t)
	server, client := openPipe(t)
	if err := p.AssociateHandle(server); err != nil {
		t.Fatal(err)
	}
	if err := p.AssociateHandle(server); err == nil {
		t.Error("a handle was associated twice")
	}
	p.register(bindUDP(t).source(), 1, W, netpoll.Level)
	buf := make([]byte, 16)
	var got []netpoll.Completion
	o := &netpoll.Overlapped{Done: func(c netpoll.Completion) { got = append(got, c) }}
	for i := range 3 {
		startRead(t, p, o, server, buf)
		p.expect(1, W)
		if len(got) != i {
			t.Fatalf("completions %v before anything was written", got)
		}
		var n uint32
		if err := windows.WriteFile(client, []byte("hello"), &n, nil); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(patience); len(got) == i && time.Now().Before(end); {
			p.wait(patience)
		}
		if len(got) != i+1 || got[i] != (netpoll.Completion{Bytes: 5}) || string(buf[:5]) != "hello" {
			t.Fatalf("completions %v, %q; want one more of 5 bytes", got, buf)
		}
	}
}

// startRead starts a read that has nothing to read yet. The caller holds buf until
// the read has ended.
func startRead(t testing.TB, p *poller, o *netpoll.Overlapped, h windows.Handle, buf []byte) {
	t.Helper()
	var said error
	var n uint32
	err := p.Start(o, func(raw *windows.Overlapped) error {
		said = windows.ReadFile(h, buf, &n, raw)
		return said
	})
	if err != nil || said != windows.ERROR_IO_PENDING {
		t.Fatalf("ReadFile: %v, Start: %v", said, err)
	}
}

// An operation that did not begin never completes, and its Overlapped can be used
// again.
func TestOperationThatDidNotBeginDoesNotComplete(t *testing.T) {
	p := newPoller(t)
	o := &netpoll.Overlapped{Done: func(c netpoll.Completion) { t.Errorf("completed with %v", c) }}
	for range 2 {
		err := p.Start(o, func(*windows.Overlapped) error { return windows.ERROR_PIPE_BUSY })
		mustMatch(t, "Start", err, windows.ERROR_PIPE_BUSY)
	}
	p.silent("nothing is in progress")
}

// Close ends what is in progress, and waits for it: the kernel writes to nothing
// afterwards.
func TestClosingThePollEndsForeignOperations(t *testing.T) {
	p := newPoller(t)
	server, _ := openPipe(t)
	if err := p.AssociateHandle(server); err != nil {
		t.Fatal(err)
	}
	const reads = 3
	var ended []netpoll.Completion
	var bufs [reads][16]byte
	for i := range reads {
		o := new(netpoll.Overlapped)
		o.Cancel = func() { windows.CancelIoEx(server, o.Raw()) }
		o.Done = func(c netpoll.Completion) {
			ended = append(ended, c)
			mustMatch(t, "Start", p.Start(o, func(*windows.Overlapped) error {
				t.Error("an operation starts while the Poll is being closed")
				return nil
			}), os.ErrClosed)
		}
		startRead(t, p, o, server, bufs[i][:])
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(&bufs)
	if len(ended) != reads {
		t.Errorf("%d operations have ended, want %d", len(ended), reads)
	}
	for _, c := range ended {
		if c.Bytes != 0 || c.Status.Errno() != windows.ERROR_OPERATION_ABORTED {
			t.Errorf("completed with %v, want it to be cancelled", c)
		}
	}
	mustMatch(t, "AssociateHandle", p.AssociateHandle(server), os.ErrClosed)
}

// A Poll that is dropped, not closed, keeps the memory that the kernel may write
// to.
func TestDroppedPollKeepsForeignOperations(t *testing.T) {
	server, client := openPipe(t)
	collected := make(chan struct{})
	// The buffer is not the Poll's to keep.
	buf := make([]byte, 16)
	var pin runtime.Pinner
	pin.Pin(&buf[0])
	defer pin.Unpin()
	func() {
		p, err := netpoll.New()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.AssociateHandle(server); err != nil {
			t.Fatal(err)
		}
		o := &netpoll.Overlapped{Done: func(netpoll.Completion) {}}
		runtime.AddCleanup(o, func(ch chan struct{}) { close(ch) }, collected)
		startRead(t, &poller{Poll: p, t: t}, o, server, buf)
	}()
	for range 3 {
		runtime.GC()
	}
	select {
	case <-collected:
		t.Error("an operation in progress was collected")
	default:
	}
	var n uint32
	if err := windows.WriteFile(client, []byte("hello"), &n, nil); err != nil {
		t.Fatal(err)
	}
	// Nobody is told that the read has ended; what it read says so.
	for end := time.Now().Add(patience); buf[4] != 'o'; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the read has got %q, want hello", buf[:5])
		}
	}
}

// A packet that is nobody's is an error of Poll, once, and not more than that.
func TestPacketOfAnUnknownOperationIsReported(t *testing.T) {
	p := newPoller(t)
	server, client := openPipe(t)
	if err := p.AssociateHandle(server); err != nil {
		t.Fatal(err)
	}
	var n uint32
	data := []byte("hello")
	var raws [2]windows.Overlapped
	raws[1].Offset = 1
	var pin runtime.Pinner
	pin.Pin(&raws)
	pin.Pin(&data[0])
	defer pin.Unpin()
	for i := range raws {
		if err := windows.WriteFile(server, data, &n, &raws[i]); err != nil && err != windows.ERROR_IO_PENDING {
			t.Fatal(err)
		}
		events := netpoll.NewEvents(1)
		if _, err := p.Poll.Poll(events, patience); !errors.Is(err, netpoll.ErrStrayPacket) {
			t.Errorf("Poll: %v, want ErrStrayPacket", err)
		}
	}
	p.silent("it was told already")
	var buf [16]byte
	if err := windows.ReadFile(client, buf[:], &n, nil); err != nil || n != 10 {
		t.Errorf("the other end read %d bytes: %v", n, err)
	}
}

// Nor is one without an OVERLAPPED more than an error.
func TestPacketWithoutAnOperationIsReported(t *testing.T) {
	p := newPoller(t)
	if err := netpoll.PostStray(p.Poll); err != nil {
		t.Fatal(err)
	}
	_, err := p.Poll.Poll(netpoll.NewEvents(1), patience)
	mustMatch(t, "Poll", err, netpoll.ErrStrayPacket)
	p.silent("it was told already")
}
