package binding_test

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

// Each test here failed once.

// What Hold was given for an operation that could not begin stayed pinned. When the
// Overlapped was dropped, as it is when its handle is closed, the garbage collector
// found the pin and ended the program.
func TestRefusedOperationHoldsNothing(t *testing.T) {
	never := func(binding.RawHandle, *windows.Overlapped) error {
		t.Error("the system was called")
		return nil
	}
	p := newPoll(t)
	d, _ := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	collected := make(chan string, 2)
	refused := func(why string, want error, b *binding.Binding) {
		o, held := new(binding.Overlapped), new([64]byte)
		o.Hold(held)
		runtime.AddCleanup(held, func(why string) { collected <- why }, why)
		mustMatch(t, why, b.BeginHandle(d.handle.AsHandle(), o, nil, never), want)
	}
	refused("a blank binding", netpoll.ErrNotRegistered, new(binding.Binding))
	must(t, "Close", d.handle.Close())
	refused("a closed handle", os.ErrClosed, &d.Binding)
	for range 2 {
		for len(collected) == 0 {
			runtime.GC()
		}
		<-collected
	}
}

// What was registered as a socket could be reregistered and deregistered as a handle,
// which crashed, and the other way round, which left the registration in place for
// ever.
func TestSocketIsNoHandle(t *testing.T) {
	p := newPoll(t)
	o := newObject(t)
	must(t, "Register", p.Register(o, 1, netpoll.Readable, netpoll.Level))
	d, client := newPipe(t, p, 2, windows.PIPE_TYPE_BYTE)
	mustMatch(t, "ReregisterHandle", o.ReregisterHandle(d.handle.AsHandle(), p, 3, netpoll.Readable, 0), netpoll.ErrNotRegistered)
	mustMatch(t, "DeregisterHandle", o.DeregisterHandle(d.handle.AsHandle(), p), netpoll.ErrNotRegistered)
	mustMatch(t, "ReregisterSocket", d.ReregisterSocket(o.fd.AsSocket(), p, 3, netpoll.Readable, 0), netpoll.ErrNotRegistered)
	mustMatch(t, "DeregisterSocket", d.DeregisterSocket(o.fd.AsSocket(), p), netpoll.ErrNotRegistered)
	// Both are registered as before.
	o.ready(t)
	expectTokens(t, p, 1)
	must(t, "Deregister", p.Deregister(o))
	over, list := recorded(netpoll.Readable)
	must(t, "read", d.read(over, make([]byte, 16)))
	client.WriteString("hello")
	one(t, p, list)
	must(t, "Deregister", p.Deregister(d))
	must(t, "Register", p.Register(d, 4, netpoll.Readable, 0))
}
