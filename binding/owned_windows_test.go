package binding_test

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
)

// newEvent returns a handle of its own.
func newEvent(t testing.TB) windows.Handle {
	t.Helper()
	h, err := windows.CreateEvent(nil, 0, 0, nil)
	must(t, "CreateEvent", err)
	return h
}

var procHandleInformation = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetHandleInformation")

// handleFlags returns the flags of a handle, and false if h is none.
func handleFlags(h windows.Handle) (flags uint32, ok bool) {
	r, _, _ := procHandleInformation.Call(uintptr(h), uintptr(unsafe.Pointer(&flags)))
	return flags, r != 0
}

// A witness tells whether a handle was closed: its number says that of no handle
// for sure, since the process may have given it to another one by then.
type witness windows.Handle

func newWitness(t testing.TB, h windows.Handle) witness {
	t.Helper()
	var dup windows.Handle
	self := windows.CurrentProcess()
	must(t, "DuplicateHandle", windows.DuplicateHandle(self, h, self, &dup, 0, false, windows.DUPLICATE_SAME_ACCESS))
	t.Cleanup(func() { windows.CloseHandle(dup) })
	w := witness(dup)
	if w.closed(t) {
		t.Fatal("an open handle counts as closed")
	}
	return w
}

var procNtQueryObject = windows.NewLazySystemDLL("ntdll.dll").NewProc("NtQueryObject")

// closed reports whether the witness is the only handle of its object.
func (w witness) closed(t testing.TB) bool {
	t.Helper()
	var basic struct { // PUBLIC_OBJECT_BASIC_INFORMATION
		attributes, access, handles, pointers uint32
		reserved                              [10]uint32
	}
	r, _, _ := procNtQueryObject.Call(uintptr(w), 0, uintptr(unsafe.Pointer(&basic)), unsafe.Sizeof(basic), 0)
	if r != 0 {
		t.Fatalf("NtQueryObject: %v", windows.NTStatus(r))
	}
	return basic.handles == 1
}

// isOpen reports whether h is a handle. That it is none any more a witness tells.
func isOpen(h windows.Handle) bool {
	_, ok := handleFlags(h)
	return ok
}

// inherited reports whether child processes would get the handle.
func inherited(t testing.TB, h windows.Handle) bool {
	t.Helper()
	flags, ok := handleFlags(h)
	if !ok {
		t.Fatalf("%v is no handle", h)
	}
	return flags&windows.HANDLE_FLAG_INHERIT != 0
}

func TestHandleIsClosedOnce(t *testing.T) {
	h := newEvent(t)
	o := binding.FromRawHandle(binding.RawHandle(h))
	if o.AsRawHandle() != binding.RawHandle(h) || o.AsHandle().AsRawHandle() != binding.RawHandle(h) {
		t.Errorf("%v, want %v", o.AsRawHandle(), h)
	}
	borrowed := o.AsHandle()
	w := newWitness(t, h)
	must(t, "Close", o.Close())
	if !w.closed(t) {
		t.Error("still open after Close")
	}
	mustMatch(t, "second Close", o.Close(), os.ErrClosed)
	mustMatch(t, "Use", o.Use(func(binding.RawHandle) { t.Error("used") }), os.ErrClosed)
	mustMatch(t, "Use of what was borrowed", borrowed.Use(func(binding.RawHandle) { t.Error("used") }), os.ErrClosed)
	_, err := o.TryClone()
	mustMatch(t, "TryClone", err, os.ErrClosed)
	_, err = o.IntoRawHandle()
	mustMatch(t, "IntoRawHandle", err, os.ErrClosed)
	if o.AsRawHandle() != 0 || borrowed.AsRawHandle() != 0 {
		t.Error("a closed handle has a number")
	}
}

func TestCloseTellsTheSystemsError(t *testing.T) {
	h := newEvent(t)
	must(t, "CloseHandle", windows.CloseHandle(h))
	mustMatch(t, "Close", binding.FromRawHandle(binding.RawHandle(h)).Close(), windows.ERROR_INVALID_HANDLE)
	s := newSocket(t, windows.SOCK_DGRAM)
	must(t, "closesocket", windows.Closesocket(s))
	mustMatch(t, "Close", binding.FromRawSocket(binding.RawSocket(s)).Close(), windows.WSAENOTSOCK)
}

func TestLastUserClosesTheHandle(t *testing.T) {
	h := newEvent(t)
	w := newWitness(t, h)
	o := binding.FromRawHandle(binding.RawHandle(h))
	must(t, "Use", o.Use(func(binding.RawHandle) {
		must(t, "Close", o.Close())
		if w.closed(t) {
			t.Error("closed while in use")
		}
	}))
	if !w.closed(t) {
		t.Error("open after its last use")
	}
}

func TestConcurrentUseAndCloseOfHandles(t *testing.T) {
	for range 200 {
		o := binding.FromRawHandle(binding.RawHandle(newEvent(t)))
		var wg sync.WaitGroup
		var closed [2]error
		for range 2 {
			wg.Go(func() {
				for {
					err := o.Use(func(h binding.RawHandle) {
						if !isOpen(windows.Handle(h)) {
							t.Error("used after it was closed")
						}
					})
					if err != nil {
						mustMatch(t, "Use", err, os.ErrClosed)
						return
					}
				}
			})
		}
		for i := range closed {
			wg.Go(func() { closed[i] = o.Close() })
		}
		wg.Wait()
		if (closed[0] == nil) == (closed[1] == nil) {
			t.Errorf("Close: %v and %v, want one to fail", closed[0], closed[1])
		}
	}
}

func TestGivingUpAHandleLeavesItOpen(t *testing.T) {
	h := newEvent(t)
	raw, err := binding.FromRawHandle(binding.RawHandle(h)).IntoRawHandle()
	must(t, "IntoRawHandle", err)
	if raw != binding.RawHandle(h) || !isOpen(h) {
		t.Errorf("%v, open is %v", raw, isOpen(h))
	}
	must(t, "CloseHandle", windows.CloseHandle(h))
	s := newSocket(t, windows.SOCK_DGRAM)
	rawSocket, err := binding.FromRawSocket(binding.RawSocket(s)).IntoRawSocket()
	must(t, "IntoRawSocket", err)
	if rawSocket != binding.RawSocket(s) {
		t.Errorf("%v, want %v", rawSocket, s)
	}
	must(t, "closesocket", windows.Closesocket(s))
}

func TestCloneIsAHandleOfItsOwn(t *testing.T) {
	h := newEvent(t)
	must(t, "SetHandleInformation", windows.SetHandleInformation(h, windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT))
	o := binding.FromRawHandle(binding.RawHandle(h))
	clone, err := o.TryClone()
	must(t, "TryClone", err)
	must(t, "Close", o.Close())
	if inherited(t, windows.Handle(clone.AsRawHandle())) {
		t.Error("child processes get the clone")
	}
	must(t, "SetEvent", windows.SetEvent(windows.Handle(clone.AsRawHandle())))
	must(t, "Close", clone.Close())
}

func TestCloneIsASocketOfItsOwn(t *testing.T) {
	s := newSocket(t, windows.SOCK_DGRAM)
	o := binding.FromRawSocket(binding.RawSocket(s))
	address, err := windows.Getsockname(s)
	must(t, "getsockname", err)
	clone, err := o.TryClone()
	must(t, "TryClone", err)
	must(t, "Close", o.Close())
	must(t, "Use", clone.Use(func(s binding.RawSocket) {
		if inherited(t, windows.Handle(s)) {
			t.Error("child processes get the clone")
		}
		same, err := windows.Getsockname(windows.Handle(s))
		must(t, "getsockname", err)
		if *same.(*windows.SockaddrInet4) != *address.(*windows.SockaddrInet4) {
			t.Errorf("the clone is bound to %v, the original to %v", same, address)
		}
	}))
	must(t, "Close", clone.Close())
	if raw := clone.AsRawSocket(); raw != binding.InvalidSocket {
		t.Errorf("a closed socket has the number %v", raw)
	}
	_, err = clone.TryClone()
	mustMatch(t, "TryClone", err, os.ErrClosed)
	_, err = binding.BorrowRawSocket(binding.InvalidSocket).TryClone()
	mustMatch(t, "TryClone of no socket", err, windows.WSAENOTSOCK)
}

// The number that means failure is never closed: -1 is also the process's own
// pseudo-handle, and 0 is no handle.
func TestFailedCallsOwnNothing(t *testing.T) {
	for name, call := range map[string]func(binding.RawHandle, error) (*binding.OwnedHandle, error){
		"HandleOrInvalid": func(h binding.RawHandle, err error) (*binding.OwnedHandle, error) {
			return binding.HandleOrInvalid{Raw: h, Err: err}.Owned()
		},
		"HandleOrNull": func(h binding.RawHandle, err error) (*binding.OwnedHandle, error) {
			return binding.HandleOrNull{Raw: h, Err: err}.Owned()
		},
	} {
		sentinel := map[string]binding.RawHandle{"HandleOrInvalid": binding.InvalidHandle, "HandleOrNull": 0}[name]
		o, err := call(sentinel, windows.ERROR_FILE_NOT_FOUND)
		mustMatch(t, name, err, windows.ERROR_FILE_NOT_FOUND)
		if o != nil {
			t.Errorf("%s: a handle for a failed call", name)
		}
		for _, silent := range []error{nil, windows.ERROR_SUCCESS} {
			_, err = call(sentinel, silent)
			mustMatch(t, name+" without an error", err, windows.ERROR_INVALID_HANDLE)
		}
		h := newEvent(t)
		w := newWitness(t, h)
		o, err = call(binding.RawHandle(h), windows.ERROR_ALREADY_EXISTS) // as CreateEvent says of one that exists
		must(t, name, err)
		must(t, "Close", o.Close())
		if !w.closed(t) {
			t.Errorf("%s: not owned", name)
		}
	}
}

// What is dropped without Close is closed, and counted; what is lent to somebody
// is not dropped.
func TestDroppedHandleIsClosedAndCounted(t *testing.T) {
	h := newEvent(t)
	w := newWitness(t, h)
	before := binding.Leaked()
	borrowed := func() binding.BorrowedHandle {
		return binding.FromRawHandle(binding.RawHandle(h)).AsHandle()
	}()
	for range 3 {
		runtime.GC()
	}
	must(t, "Use", borrowed.Use(func(binding.RawHandle) {
		if w.closed(t) {
			t.Error("closed although it is borrowed")
		}
	}))
	borrowed = binding.BorrowedHandle{}
	for deadline := time.Now().Add(patience); binding.Leaked() == before; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("never closed")
		}
	}
	if !w.closed(t) {
		t.Error("counted and not closed")
	}
}

// The interfaces are satisfied, and handles and sockets are not mixed up.
func TestInterfaces(t *testing.T) {
	var (
		_ binding.AsHandle      = (*binding.OwnedHandle)(nil)
		_ binding.AsHandle      = binding.BorrowedHandle{}
		_ binding.AsRawHandle   = (*binding.OwnedHandle)(nil)
		_ binding.AsRawHandle   = binding.BorrowedHandle{}
		_ binding.IntoRawHandle = (*binding.OwnedHandle)(nil)
		_ binding.AsSocket      = (*binding.OwnedSocket)(nil)
		_ binding.AsSocket      = binding.BorrowedSocket{}
		_ binding.AsRawSocket   = (*binding.OwnedSocket)(nil)
		_ binding.AsRawSocket   = binding.BorrowedSocket{}
		_ binding.IntoRawSocket = (*binding.OwnedSocket)(nil)
	)
	if _, ok := any((*binding.OwnedSocket)(nil)).(binding.AsHandle); ok {
		t.Error("a socket lends itself as a handle, which CloseHandle would take")
	}
	if _, ok := any((*binding.OwnedHandle)(nil)).(binding.AsSocket); ok {
		t.Error("a handle lends itself as a socket")
	}
}
