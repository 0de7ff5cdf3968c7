package binding_test

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/netpoll"
)

func TestOverlappedBeginsWithTheSystemsPart(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	o, list := recorded(0)
	buf := make([]byte, 16)
	var n uint32
	must(t, "BeginHandle", d.BeginHandle(d.handle.AsHandle(), o, buf, func(h binding.RawHandle, raw *windows.Overlapped) error {
		if unsafe.Pointer(raw) != unsafe.Pointer(o) {
			t.Errorf("the OVERLAPPED is at %p, the Overlapped at %p", raw, o)
		}
		if *raw != (windows.Overlapped{}) {
			t.Errorf("the OVERLAPPED is %v, want zero", *raw)
		}
		return windows.ReadFile(windows.Handle(h), buf, &n, raw)
	}))
	if _, err := client.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	if got := one(t, p, list); got != (outcome{5, nil}) || string(buf[:5]) != "hello" {
		t.Errorf("%v, %q", got, buf)
	}
}

// Each completion is told once, whether it came at once or later, and an event
// comes with it.
func TestOperationCompletesOnceWithAnEvent(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 7, windows.PIPE_TYPE_BYTE)
	o, list := recorded(netpoll.Readable)
	buf := make([]byte, 16)
	for _, when := range []string{"before", "after", "before", "after"} {
		if when == "before" {
			client.WriteString("hello")
		}
		must(t, "read", d.read(o, buf))
		if when == "after" {
			expectNone(t, p)
			if len(*list) > 0 || !o.InProgress() {
				t.Fatalf("outcomes %v before anything was written", *list)
			}
			client.WriteString("hello")
		}
		expectTokens(t, p, 7)
		if got := one(t, p, list); got != (outcome{5, nil}) {
			t.Errorf("written %s: %v", when, got)
		}
		if n, err := o.Result(); n != 5 || err != nil || o.InProgress() {
			t.Errorf("Result: %d, %v", n, err)
		}
	}
}

func TestReadinessIsThatOfTheOperation(t *testing.T) {
	p := newPoll(t)
	d, _ := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	must(t, "Reregister", p.Reregister(d, 2, netpoll.Readable|netpoll.Writable, netpoll.Level))
	o := &binding.Overlapped{Ready: netpoll.Writable}
	ready := func() (r netpoll.Ready) {
		t.Helper()
		events := netpoll.NewEvents(4)
		if _, err := p.Poll(events, onItsWay); err != nil {
			t.Fatal(err)
		}
		for ev := range events.All() {
			if ev.Token() != 2 {
				t.Errorf("token %d", ev.Token())
			}
			r |= ev.Readiness()
		}
		return r
	}
	must(t, "write", d.write(o, []byte("hello")))
	until(t, p, "the write is complete", func() bool { return !o.InProgress() })
	for range 2 {
		if got := ready(); got != netpoll.Writable {
			t.Errorf("%v, want Writable for as long as nothing else is written", got)
		}
	}
	must(t, "a write that does not fit", d.write(o, make([]byte, 64<<10)))
	if got := ready(); got != 0 {
		t.Errorf("%v while the next write is in progress", got)
	}
	must(t, "Reregister", p.Reregister(d, 2, netpoll.Readable, netpoll.Level))
	o.Cancel()
	until(t, p, "the write is cancelled", func() bool { return !o.InProgress() })
	if got := ready(); got != 0 {
		t.Errorf("%v, which nobody is interested in", got)
	}
}

func TestNothingIsDeliveredForAHandleAfterDeregister(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	o, list := recorded(netpoll.Readable)
	must(t, "read", d.read(o, make([]byte, 16)))
	must(t, "Deregister", p.Deregister(d))
	client.WriteString("hello")
	expectNone(t, p)
	if got := one(t, p, list); got != (outcome{5, nil}) {
		t.Errorf("the operation: %v; it goes on all the same", got)
	}
	mustMatch(t, "read", d.read(o, make([]byte, 16)), netpoll.ErrNotRegistered)
	must(t, "Register", p.Register(d, 2, netpoll.Readable, netpoll.Edge))
	expectTokens(t, p, 2)
}

func TestOperationThatCannotBeginNeverCompletes(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	var blank binding.Binding
	o, list := recorded(netpoll.Readable)
	never := func(binding.RawHandle, *windows.Overlapped) error {
		t.Error("the system was called")
		return nil
	}
	mustMatch(t, "a blank binding", blank.BeginHandle(d.handle.AsHandle(), o, nil, never), netpoll.ErrNotRegistered)
	mustMatch(t, "begin's error", d.BeginHandle(d.handle.AsHandle(), o, nil, func(binding.RawHandle, *windows.Overlapped) error {
		return windows.ERROR_PIPE_BUSY
	}), windows.ERROR_PIPE_BUSY)
	must(t, "read", d.read(o, make([]byte, 16)))
	mustMatch(t, "another one with the same Overlapped", d.BeginHandle(d.handle.AsHandle(), o, nil, never), binding.ErrInProgress)
	client.WriteString("hello")
	if got := one(t, p, list); got != (outcome{5, nil}) {
		t.Errorf("the one that began: %v", got)
	}
	must(t, "Close", d.handle.Close())
	mustMatch(t, "a closed handle", d.BeginHandle(d.handle.AsHandle(), o, nil, never), os.ErrClosed)
	other, _ := newPipe(t, p, 2, windows.PIPE_TYPE_BYTE)
	must(t, "Close", p.Close())
	mustMatch(t, "a closed Poll", other.BeginHandle(other.handle.AsHandle(), o, nil, never), os.ErrClosed)
	if len(*list) != 0 {
		t.Errorf("outcomes %v of operations that did not begin", *list)
	}
}

func TestCancelledOperationCompletes(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	o, list := recorded(0)
	o.Cancel() // nothing is in progress
	for range 3 {
		must(t, "read", d.read(o, make([]byte, 16)))
		o.Cancel()
		if got := one(t, p, list); got != (outcome{0, windows.ERROR_OPERATION_ABORTED}) {
			t.Errorf("%v, want it to be cancelled", got)
		}
		o.Cancel()
	}
	must(t, "read", d.read(o, make([]byte, 16)))
	client.WriteString("hello")
	if got := one(t, p, list); got != (outcome{5, nil}) {
		t.Errorf("the next one: %v", got)
	}
}

// A message that does not fit comes in parts, whether it was there before the
// read or came later.
func TestLongMessageComesInParts(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_MESSAGE|windows.PIPE_READMODE_MESSAGE)
	o, list := recorded(0)
	buf := make([]byte, 2)
	client.WriteString("hello")
	for _, want := range []outcome{{2, windows.ERROR_MORE_DATA}, {2, windows.ERROR_MORE_DATA}, {1, nil}} {
		must(t, "read", d.read(o, buf))
		if got := one(t, p, list); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	must(t, "read", d.read(o, buf))
	client.WriteString("hel")
	for _, want := range []outcome{{2, windows.ERROR_MORE_DATA}, {1, nil}} {
		if got := one(t, p, list); got != want {
			t.Errorf("%v, want %v", got, want)
		}
		if want.err != nil {
			must(t, "read", d.read(o, buf))
		}
	}
}

func TestOperationTellsHowItFailed(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	o, list := recorded(0)
	must(t, "read", d.read(o, make([]byte, 16)))
	must(t, "Close", client.Close())
	if got := one(t, p, list); got != (outcome{0, windows.ERROR_BROKEN_PIPE}) {
		t.Errorf("%v, want ERROR_BROKEN_PIPE", got)
	}
	if err := d.write(o, []byte("hello")); err == nil {
		err = one(t, p, list).err
		t.Errorf("a write began, and completed with %v", err)
	} else {
		mustMatch(t, "write", err, windows.ERROR_NO_DATA)
	}
}

// What the program has forgotten is there until the operation is complete.
func TestMemoryStaysUntilTheOperationIsComplete(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	type memory [64]byte
	collected := make(chan string, 3)
	said := make(chan outcome, 1)
	func() {
		buf, more := new(memory), new(memory)
		o := &binding.Overlapped{Done: func(n int, err error) { said <- outcome{n, err} }}
		o.Hold(more)
		must(t, "read", d.read(o, buf[:]))
		runtime.AddCleanup(buf, func(s string) { collected <- s }, "the buffer")
		runtime.AddCleanup(more, func(s string) { collected <- s }, "held memory")
		runtime.AddCleanup(o, func(s string) { collected <- s }, "the Overlapped")
	}()
	for range 5 {
		runtime.GC()
	}
	select {
	case what := <-collected:
		t.Errorf("%s was collected while the system may write to it", what)
	default:
	}
	client.WriteString("hello")
	until(t, p, "the read is complete", func() bool { return len(said) > 0 })
	if got := <-said; got != (outcome{5, nil}) {
		t.Errorf("%v", got)
	}
	for range 3 { // and afterwards nothing holds it
		for len(collected) == 0 {
			runtime.GC()
		}
		<-collected
	}
}

// An Overlapped that is refused because its operation is in progress keeps what that
// one holds.
func TestRefusedSecondOperationLeavesTheFirstAlone(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	o, list := recorded(netpoll.Readable)
	collected := make(chan struct{})
	func() {
		held := new([64]byte)
		runtime.AddCleanup(held, func(ch chan struct{}) { close(ch) }, collected)
		o.Hold(held)
	}()
	must(t, "read", d.read(o, make([]byte, 16)))
	var blank binding.Binding
	mustMatch(t, "a blank binding", blank.BeginHandle(d.handle.AsHandle(), o, nil, nil), netpoll.ErrNotRegistered)
	for range 5 {
		runtime.GC()
	}
	select {
	case <-collected:
		t.Error("what the operation in progress holds was collected")
	default:
	}
	client.WriteString("hello")
	if got := one(t, p, list); got != (outcome{5, nil}) {
		t.Errorf("the one that began: %v", got)
	}
}

// Done may begin the next operation, and so on.
func TestDoneBeginsTheNextOperation(t *testing.T) {
	p := newPoll(t)
	d, client := newPipe(t, p, 1, windows.PIPE_TYPE_BYTE)
	const rounds = 100
	buf, read := make([]byte, 1), 0
	o := new(binding.Overlapped)
	o.Done = func(n int, err error) {
		if n != 1 || err != nil || buf[0] != byte(read) {
			t.Errorf("read %d: %d bytes, %v, %v", read, n, buf, err)
		}
		if read++; read < rounds {
			must(t, "read", d.read(o, buf))
		}
	}
	must(t, "read", d.read(o, buf))
	go func() {
		for i := range rounds {
			client.Write([]byte{byte(i)})
		}
	}()
	until(t, p, "all was read", func() bool { return read == rounds })
}

func TestHandleMustBeOverlapped(t *testing.T) {
	p := newPoll(t)
	f, err := os.Create(t.TempDir() + `\plain`)
	must(t, "Create", err)
	defer f.Close()
	if err := f.SetDeadline(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
		t.Skip("package os has opened the file for overlapped operations")
	}
	var b binding.Binding
	plain := binding.BorrowRawHandle(binding.RawHandle(f.Fd()))
	mustMatch(t, "RegisterHandle", b.RegisterHandle(plain, p, 1, netpoll.Readable, 0), windows.ERROR_INVALID_PARAMETER)
	mustMatch(t, "DeregisterHandle", b.DeregisterHandle(plain, p), netpoll.ErrNotRegistered)
	must(t, "Release", b.Release())
}
