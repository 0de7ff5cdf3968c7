package binding

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
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

// TryClone returns a duplicate that the caller owns. It is not written yet and
// returns an error that matches errors.ErrUnsupported.
func (b BorrowedSocket) TryClone() (*OwnedSocket, error) {
	return nil, fmt.Errorf("binding: duplicating a socket: %w", errors.ErrUnsupported)
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
type OwnedSocket struct{ owned owned }

// FromRawSocket takes raw over: from now on only the result closes it.
func FromRawSocket(raw RawSocket) *OwnedSocket {
	o := new(OwnedSocket)
	o.owned.own(uintptr(raw), closeSocket)
	return o
}

func closeSocket(raw uintptr) error {
	return os.NewSyscallError("closesocket", windows.Closesocket(windows.Handle(raw)))
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
// another goroutine; then the error of closesocket is lost.
func (o *OwnedSocket) Close() error { return o.owned.end(0) }
