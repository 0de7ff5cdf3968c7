package binding

import (
	"os"

	"golang.org/x/sys/windows"
)

// HandleOrInvalid is the result of a call that fails with -1
// (INVALID_HANDLE_VALUE), such as CreateFile or CreateNamedPipe. Err is the
// last error as the call gave it: the third result of syscall.SyscallN.
// (Asking for it afterwards is too late: Go's calls reset it.)
type HandleOrInvalid struct {
	Raw RawHandle
	Err error
}

// Owned takes the handle over, or returns the call's error.
func (h HandleOrInvalid) Owned() (*OwnedHandle, error) {
	return adopt(h.Raw, InvalidHandle, h.Err)
}

// HandleOrNull is the result of a call that fails with NULL, such as
// CreateThread or CreateIoCompletionPort. Err is as in [HandleOrInvalid].
type HandleOrNull struct {
	Raw RawHandle
	Err error
}

// Owned takes the handle over, or returns the call's error.
func (h HandleOrNull) Owned() (*OwnedHandle, error) {
	return adopt(h.Raw, 0, h.Err)
}

// adopt takes raw over unless it is the sentinel, which is never closed.
func adopt(raw, sentinel RawHandle, err error) (*OwnedHandle, error) {
	if raw != sentinel {
		return FromRawHandle(raw), nil
	}
	if err == nil || err == windows.ERROR_SUCCESS {
		err = windows.ERROR_INVALID_HANDLE
	}
	return nil, os.NewSyscallError("handle", err)
}
