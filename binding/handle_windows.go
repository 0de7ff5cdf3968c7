package binding

import (
	"os"

	"golang.org/x/sys/windows"
)

// A RawHandle is the number of a handle (HANDLE); it owns nothing. It is a
// type of its own, so that closesocket can't be called with it by mistake.
type RawHandle uintptr

// InvalidHandle is what CreateFile and others return on failure
// (INVALID_HANDLE_VALUE). The same number is the pseudo-handle of the current
// process.
const InvalidHandle = ^RawHandle(0)

// A BorrowedHandle is a handle that somebody else closes. It holds its owner
// against garbage collection; after the owner was closed its methods return an
// error that matches os.ErrClosed.
type BorrowedHandle struct {
	owner *OwnedHandle // nil when borrowed from a raw handle
	raw   RawHandle
}

// BorrowRawHandle borrows a handle that the caller keeps open as long as the
// result is used.
func BorrowRawHandle(raw RawHandle) BorrowedHandle { return BorrowedHandle{raw: raw} }

// AsHandle returns b itself.
func (b BorrowedHandle) AsHandle() BorrowedHandle { return b }

// AsRawHandle returns the number of the handle, or 0 once its owner is closed.
// Nothing keeps the number from being closed or used again; see Use.
func (b BorrowedHandle) AsRawHandle() RawHandle {
	if b.owner != nil {
		return b.owner.AsRawHandle()
	}
	return b.raw
}

// Use calls f with the handle, which stays open until f returns, whoever
// closes its owner meanwhile.
func (b BorrowedHandle) Use(f func(RawHandle)) error {
	raw, err := b.acquire()
	if err != nil {
		return err
	}
	defer b.release()
	f(RawHandle(raw))
	return nil
}

// TryClone returns a duplicate with the same access that is not inherited by
// child processes (DuplicateHandle). The caller owns it.
func (b BorrowedHandle) TryClone() (*OwnedHandle, error) {
	raw, err := b.acquire()
	if err != nil {
		return nil, err
	}
	defer b.release()
	self := windows.CurrentProcess()
	var dup windows.Handle
	if err := windows.DuplicateHandle(self, windows.Handle(raw), self, &dup, 0, false, windows.DUPLICATE_SAME_ACCESS); err != nil {
		return nil, os.NewSyscallError("DuplicateHandle", err)
	}
	return FromRawHandle(RawHandle(dup)), nil
}

func (b BorrowedHandle) acquire() (uintptr, error) {
	if b.owner == nil {
		return uintptr(b.raw), nil
	}
	return b.owner.owned.acquire()
}

func (b BorrowedHandle) release() {
	if b.owner != nil {
		b.owner.owned.release()
	}
}

// An OwnedHandle owns a handle. All methods may be called from any goroutine;
// once it is closed or given up they return an error that matches
// os.ErrClosed. It must be closed: the garbage collector is only a net under
// mistakes, see [Leaked].
type OwnedHandle struct {
	owned      owned
	operations operations // in progress
}

// FromRawHandle takes raw over: from now on only the result closes it. Results
// of system calls are checked first: see [HandleOrInvalid], [HandleOrNull].
func FromRawHandle(raw RawHandle) *OwnedHandle {
	o := new(OwnedHandle)
	o.owned.own(uintptr(raw), closeHandle)
	return o
}

func closeHandle(raw uintptr) error {
	return os.NewSyscallError("CloseHandle", windows.CloseHandle(windows.Handle(raw)))
}

// AsHandle borrows the handle.
func (o *OwnedHandle) AsHandle() BorrowedHandle {
	return BorrowedHandle{owner: o, raw: RawHandle(o.owned.raw)}
}

// AsRawHandle returns the number of the handle, or 0 once it is closed or
// given up. Nothing keeps the number from being closed or used again; see Use.
func (o *OwnedHandle) AsRawHandle() RawHandle {
	if o.owned.ended() {
		return 0
	}
	return RawHandle(o.owned.raw)
}

// IntoRawHandle gives the handle up without closing it; the caller owns it
// now. Uses in progress on other goroutines go on.
func (o *OwnedHandle) IntoRawHandle() (RawHandle, error) {
	if err := o.owned.end(givenBit); err != nil {
		return 0, err
	}
	return RawHandle(o.owned.raw), nil
}

// Use calls f with the handle, which stays open until f returns, even when
// another goroutine calls Close.
func (o *OwnedHandle) Use(f func(RawHandle)) error { return o.AsHandle().Use(f) }

// TryClone returns a duplicate that the caller owns; see
// [BorrowedHandle.TryClone].
func (o *OwnedHandle) TryClone() (*OwnedHandle, error) { return o.AsHandle().TryClone() }

// Close closes the handle, or leaves it to the last user in progress on
// another goroutine; then the error of CloseHandle is lost. Operations that were
// begun with [Binding.BeginHandle] are cancelled; they are users until their
// completion was delivered by the Poll.
func (o *OwnedHandle) Close() error { return o.operations.close(&o.owned) }
