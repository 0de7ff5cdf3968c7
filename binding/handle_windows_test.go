package binding_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

// A handle belongs to its first Poll in every state.
func TestSecondPollIsRefusedToAHandle(t *testing.T) {
	p, other := newPoll(t), newPoll(t)
	d, _ := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	refused := func(state string) {
		t.Helper()
		mustMatch(t, state+": Register", other.Register(d, 2, netpoll.Readable, 0), netpoll.ErrOtherPoll)
		mustMatch(t, state+": Reregister", other.Reregister(d, 2, netpoll.Readable, 0), netpoll.ErrOtherPoll)
		mustMatch(t, state+": Deregister", other.Deregister(d), netpoll.ErrOtherPoll)
	}
	refused("registered")
	mustMatch(t, "second Register", p.Register(d, 2, netpoll.Readable, 0), netpoll.ErrAlreadyRegistered)
	must(t, "Deregister", p.Deregister(d))
	refused("deregistered")
	mustMatch(t, "Reregister", p.Reregister(d, 2, netpoll.Readable, 0), netpoll.ErrNotRegistered)
	mustMatch(t, "second Deregister", p.Deregister(d), netpoll.ErrNotRegistered)
	must(t, "Register again", p.Register(d, 2, netpoll.Readable, 0))
	must(t, "Close", p.Close())
	refused("first Poll closed")
	mustMatch(t, "Reregister", p.Reregister(d, 2, netpoll.Readable, 0), os.ErrClosed)
	mustMatch(t, "Deregister", p.Deregister(d), os.ErrClosed)
	mustMatch(t, "Release", d.Release(), errors.ErrUnsupported)
	must(t, "Close", d.Close())
}

// A handle that somebody else has given a port is refused, and the binding stays
// blank.
func TestHandleWithAPortIsRefused(t *testing.T) {
	p, other := newPoll(t), newPoll(t)
	d, _ := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	var b binding.Binding
	h := d.handle.AsHandle()
	for range 2 {
		mustMatch(t, "RegisterHandle", b.RegisterHandle(h, other, 2, netpoll.Readable, 0), windows.ERROR_INVALID_PARAMETER)
		mustMatch(t, "ReregisterHandle", b.ReregisterHandle(h, other, 2, netpoll.Readable, 0), netpoll.ErrNotRegistered)
		must(t, "Release", b.Release())
	}
	path, err := windows.UTF16PtrFromString(pipeName())
	must(t, "UTF16PtrFromString", err)
	raw, err := windows.CreateNamedPipe(path, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED, 0, 1, 4096, 4096, 0, nil)
	free, err := binding.HandleOrInvalid{Raw: binding.RawHandle(raw), Err: err}.Owned()
	must(t, "CreateNamedPipe", err)
	defer free.Close()
	must(t, "one without a port", b.RegisterHandle(free.AsHandle(), other, 2, netpoll.Readable, 0))
}

// A pipe's instance serves one client after the other: what the first one left, or
// had begun, is nothing to the next.
func TestPipeServesOneClientAfterTheOther(t *testing.T) {
	p := newPoll(t)
	d, name := createPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	connected, connects := recorded(netpoll.Readable | netpoll.Writable)
	o, reads := recorded(netpoll.Readable)
	w, writes := recorded(netpoll.Writable)
	buf := make([]byte, 16)
	for i := range 5 {
		must(t, "connect", d.connect(connected))
		expectNone(t, p)
		client := openPipe(t, name)
		if got := one(t, p, connects); got != (outcome{0, nil}) {
			t.Fatalf("connect: %v", got)
		}
		text := fmt.Sprint("from ", i)
		client.WriteString(text + " and more")
		must(t, "read", d.read(o, buf[:len(text)]))
		if got := one(t, p, reads); got.err != nil || string(buf[:got.n]) != text {
			t.Errorf("client %d: %v, %q", i, got, buf[:got.n])
		}
		// More than the pipe takes: in progress until the client has gone.
		must(t, "write", d.write(w, make([]byte, 64<<10)))
		expectNoOutcome(t, p, writes)
		must(t, "Close", client.Close())
		if got := one(t, p, writes); got.err == nil {
			t.Errorf("the write completed with %v though nobody has read it", got)
		}
		must(t, "Use", d.handle.Use(func(h binding.RawHandle) {
			must(t, "DisconnectNamedPipe", windows.DisconnectNamedPipe(windows.Handle(h)))
		}))
		if err := d.read(o, buf); err == nil {
			t.Errorf("a read without a client: %v", one(t, p, reads))
		}
		drain(t, p)
	}
}

// expectNoOutcome fails the test if an operation has completed.
func expectNoOutcome(t *testing.T, p *netpoll.Poll, list *[]outcome) {
	t.Helper()
	if _, err := p.Poll(netpoll.NewEvents(16), onItsWay); err != nil {
		t.Fatal(err)
	}
	if len(*list) > 0 {
		t.Errorf("outcomes %v, want none yet", *list)
	}
}

// drain takes the events that there are.
func drain(t *testing.T, p *netpoll.Poll) {
	t.Helper()
	events := netpoll.NewEvents(16)
	for n := 1; n > 0; {
		var err error
		if n, err = p.Poll(events, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// Of a client that comes while the connect is begun it is told once: by the call,
// which then has not begun, or by the completion.
func TestConnectRacesWithTheClient(t *testing.T) {
	p := newPoll(t)
	at, by := 0, 0
	for i := range 100 {
		d, name := createPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
		o, list := recorded(netpoll.Writable)
		opened := make(chan *os.File, 1)
		delay := time.Duration(i%10) * 20 * time.Microsecond
		go func() {
			for begin := time.Now(); time.Since(begin) < delay; {
			}
			client, err := os.OpenFile(name, os.O_RDWR, 0)
			if err != nil {
				t.Error(err)
			}
			opened <- client
		}()
		switch err := d.connect(o); err {
		case nil:
			by++
			if got := one(t, p, list); got != (outcome{0, nil}) {
				t.Fatalf("%v", got)
			}
		case windows.ERROR_PIPE_CONNECTED:
			at++
		default:
			t.Fatal(err)
		}
		must(t, "Close", (<-opened).Close())
		must(t, "Close", d.Close())
		drain(t, p)
		if len(*list) != 0 {
			t.Fatalf("%v more", *list)
		}
	}
	t.Logf("%d clients were there at once, %d came by completion", at, by)
}

// A clone has the access of its original, no more.
func TestCloneHasTheSameAccess(t *testing.T) {
	path := t.TempDir() + `\file`
	must(t, "WriteFile", os.WriteFile(path, []byte("hello"), 0o600))
	f, err := os.Open(path)
	must(t, "Open", err)
	defer f.Close()
	clone, err := binding.BorrowRawHandle(binding.RawHandle(f.Fd())).TryClone()
	must(t, "TryClone", err)
	defer clone.Close()
	must(t, "Use", clone.Use(func(h binding.RawHandle) {
		var n uint32
		var buf [8]byte
		if err := windows.ReadFile(windows.Handle(h), buf[:], &n, nil); err != nil || string(buf[:n]) != "hello" {
			t.Errorf("read %q, %v", buf[:n], err)
		}
		mustMatch(t, "WriteFile", windows.WriteFile(windows.Handle(h), buf[:1], &n, nil), windows.ERROR_ACCESS_DENIED)
	}))
}

// Zero is a socket like any other: what is wrong with it the system says.
func TestSocketZeroIsASocket(t *testing.T) {
	var zero binding.BorrowedSocket
	called := false
	must(t, "Use", zero.Use(func(s binding.RawSocket) { called = s == 0 }))
	if !called {
		t.Error("Use passed another socket")
	}
	_, err := zero.TryClone()
	mustMatch(t, "TryClone", err, windows.WSAENOTSOCK)
	owned := binding.FromRawSocket(0)
	mustMatch(t, "Close", owned.Close(), windows.WSAENOTSOCK)
	mustMatch(t, "second Close", owned.Close(), os.ErrClosed)
}
