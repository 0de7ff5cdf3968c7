package netpoll_test

import (
	"fmt"
	"os"
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
		raw, err := p.Begin(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := windows.ReadFile(server, buf, new(uint32), raw); err != windows.ERROR_IO_PENDING {
			t.Fatalf("ReadFile: %v", err)
		}
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

// An operation that did not begin never completes, and its Overlapped can be used
// again.
func TestAbandonedOperationDoesNotComplete(t *testing.T) {
	p := newPoller(t)
	o := &netpoll.Overlapped{Done: func(c netpoll.Completion) { t.Errorf("completed with %v", c) }}
	for range 2 {
		if _, err := p.Begin(o); err != nil {
			t.Fatal(err)
		}
		p.Abandon(o)
	}
	p.silent("nothing is in progress")
}

// What is still in progress when the Poll is closed is never told.
func TestClosedPollForgetsForeignOperations(t *testing.T) {
	p := newPoller(t)
	server, _ := openPipe(t)
	if err := p.AssociateHandle(server); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	o := &netpoll.Overlapped{Done: func(c netpoll.Completion) { t.Errorf("completed with %v: %q", c, buf) }}
	raw, err := p.Begin(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := windows.ReadFile(server, buf, new(uint32), raw); err != windows.ERROR_IO_PENDING {
		t.Fatalf("ReadFile: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = p.Begin(o)
	mustMatch(t, "Begin", err, os.ErrClosed)
	mustMatch(t, "AssociateHandle", p.AssociateHandle(server), os.ErrClosed)
	windows.CancelIoEx(server, raw)
}
