package binding

import (
	"os"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/internal/sys"
)

// A RawSocket is a socket's number (SOCKET); it owns nothing. It is a type of
// its own, so that CloseHandle can't be called with it by mistake.
type RawSocket uintptr

// InvalidSocket is what Winsock returns on failure (INVALID_SOCKET); 0 is a
// socket like any other.
const InvalidSocket = ^RawSocket(0)

// A BorrowedSocket is a socket that somebody else closes. It holds its owner
// against garbage collection; after the owner was closed its methods return an
// error that matches os.ErrClosed. The zero value borrows socket 0.
type BorrowedSocket struct {
	owner *OwnedSocket // nil when borrowed from a raw socket
	raw   RawSocket
}

// BorrowRawSocket borrows a socket that the caller keeps open as long as the
// result is used.
func BorrowRawSocket(raw RawSocket) BorrowedSocket { return BorrowedSocket{raw: raw} }

// AsSocket returns b itself.
func (b BorrowedSocket) AsSocket() BorrowedSocket { return b }

// AsRawSocket returns the socket's number, or InvalidSocket once its owner is
// closed. Nothing keeps the number from being closed or used again; see Use.
func (b BorrowedSocket) AsRawSocket() RawSocket {
	if b.owner != nil {
		return b.owner.AsRawSocket()
	}
	return b.raw
}

// Use calls f with the socket, which stays open until f returns, whoever
// closes its owner meanwhile.
func (b BorrowedSocket) Use(f func(RawSocket)) error {
	raw, err := b.acquire()
	if err != nil {
		return err
	}
	defer b.release()
	f(RawSocket(raw))
	return nil
}

// TryClone returns a duplicate that is not inherited by child processes
// (WSADuplicateSocket). The caller owns it. Both share the connection, with its
// options and its port.
func (b BorrowedSocket) TryClone() (*OwnedSocket, error) {
	raw, err := b.acquire()
	if err != nil {
		return nil, err
	}
	defer b.release()
	dup, err := duplicateSocket(windows.Handle(raw))
	if err != nil {
		return nil, err
	}
	return FromRawSocket(RawSocket(dup)), nil
}

func duplicateSocket(s windows.Handle) (windows.Handle, error) {
	var info windows.WSAProtocolInfo
	if err := windows.WSADuplicateSocket(s, windows.GetCurrentProcessId(), &info); err != nil {
		return windows.InvalidHandle, os.NewSyscallError("WSADuplicateSocket", err)
	}
	const fromInfo = -1 // FROM_PROTOCOL_INFO
	dup, err := windows.WSASocket(fromInfo, fromInfo, fromInfo, &info, 0,
		windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err == nil {
		return dup, nil
	}
	if err != windows.WSAEINVAL {
		return windows.InvalidHandle, os.NewSyscallError("WSASocket", err)
	}
	// Before Windows 7 SP1 there is no such flag. The information serves for one
	// socket only.
	if err := windows.WSADuplicateSocket(s, windows.GetCurrentProcessId(), &info); err != nil {
		return windows.InvalidHandle, os.NewSyscallError("WSADuplicateSocket", err)
	}
	dup, err = windows.WSASocket(fromInfo, fromInfo, fromInfo, &info, 0, windows.WSA_FLAG_OVERLAPPED)
	if err != nil {
		return windows.InvalidHandle, os.NewSyscallError("WSASocket", err)
	}
	if err := windows.SetHandleInformation(dup, windows.HANDLE_FLAG_INHERIT, 0); err != nil {
		windows.Closesocket(dup)
		return windows.InvalidHandle, os.NewSyscallError("SetHandleInformation", err)
	}
	return dup, nil
}

func (b BorrowedSocket) acquire() (uintptr, error) {
	if b.owner == nil {
		return uintptr(b.raw), nil
	}
	return b.owner.owned.acquire()
}

func (b BorrowedSocket) release() {
	if b.owner != nil {
		b.owner.owned.release()
	}
}

// An OwnedSocket owns a socket. All methods may be called from any goroutine;
// once it is closed or given up they return an error that matches
// os.ErrClosed. It must be closed: the garbage collector is only a net under
// mistakes, see [Leaked].
type OwnedSocket struct {
	owned      owned
	operations operations // in progress
}

// FromRawSocket takes raw over: from now on only the result closes it.
func FromRawSocket(raw RawSocket) *OwnedSocket {
	o := new(OwnedSocket)
	o.owned.own(uintptr(raw), closeSocket)
	return o
}

func closeSocket(raw uintptr) error {
	return os.NewSyscallError("closesocket", sys.Close(int(raw)))
}

// AsSocket borrows the socket.
func (o *OwnedSocket) AsSocket() BorrowedSocket {
	return BorrowedSocket{owner: o, raw: RawSocket(o.owned.raw)}
}

// AsRawSocket returns the socket's number, or InvalidSocket once it is closed
// or given up. Nothing keeps the number from being closed or used again; see
// Use.
func (o *OwnedSocket) AsRawSocket() RawSocket {
	if o.owned.ended() {
		return InvalidSocket
	}
	return RawSocket(o.owned.raw)
}

// IntoRawSocket gives the socket up without closing it; the caller owns it
// now. Uses in progress on other goroutines go on.
func (o *OwnedSocket) IntoRawSocket() (RawSocket, error) {
	if err := o.owned.end(givenBit); err != nil {
		return InvalidSocket, err
	}
	return RawSocket(o.owned.raw), nil
}

// Use calls f with the socket, which stays open until f returns, even when
// another goroutine calls Close.
func (o *OwnedSocket) Use(f func(RawSocket)) error { return o.AsSocket().Use(f) }

// TryClone returns a duplicate that the caller owns; see
// [BorrowedSocket.TryClone].
func (o *OwnedSocket) TryClone() (*OwnedSocket, error) { return o.AsSocket().TryClone() }

// Close closes the socket, or leaves it to the last user in progress on
// another goroutine; then the error of closesocket is lost. Operations that were
// begun with [Binding.BeginSocket] are cancelled; they are users until their
// completion was delivered by the Poll.
func (o *OwnedSocket) Close() error { return o.operations.close(&o.owned) }
