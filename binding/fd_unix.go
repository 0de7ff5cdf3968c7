//go:build unix

package binding

import (
	"os"

	"golang.org/x/sys/unix"
)

// A RawFD is the number of a file descriptor; it owns nothing.
type RawFD int

// A BorrowedFD is a descriptor that somebody else closes. It holds its owner
// against garbage collection; after the owner was closed its methods return an
// error that matches os.ErrClosed. The zero value borrows descriptor 0.
type BorrowedFD struct {
	owner *OwnedFD // nil when borrowed from a raw descriptor
	raw   RawFD
}

// BorrowRawFD borrows a descriptor that the caller keeps open as long as the
// result is used.
func BorrowRawFD(raw RawFD) BorrowedFD { return BorrowedFD{raw: raw} }

// AsFD returns b itself.
func (b BorrowedFD) AsFD() BorrowedFD { return b }

// AsRawFD returns the number of the descriptor, or -1 once its owner is
// closed. Nothing keeps the number from being closed or used again; see Use.
func (b BorrowedFD) AsRawFD() RawFD {
	if b.owner != nil {
		return b.owner.AsRawFD()
	}
	return b.raw
}

// Use calls f with the descriptor, which stays open until f returns, whoever
// closes its owner meanwhile.
func (b BorrowedFD) Use(f func(RawFD)) error {
	raw, err := b.acquire()
	if err != nil {
		return err
	}
	defer b.release()
	f(RawFD(raw))
	return nil
}

// TryClone returns a duplicate, closed on exec, that the caller owns; see
// dup(2). Both share the open file with its flags.
func (b BorrowedFD) TryClone() (*OwnedFD, error) {
	raw, err := b.acquire()
	if err != nil {
		return nil, err
	}
	defer b.release()
	fd, err := unix.FcntlInt(raw, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return FromRawFD(RawFD(fd)), nil
}

func (b BorrowedFD) acquire() (uintptr, error) {
	if b.owner == nil {
		return uintptr(b.raw), nil
	}
	return b.owner.owned.acquire()
}

func (b BorrowedFD) release() {
	if b.owner != nil {
		b.owner.owned.release()
	}
}

// An OwnedFD owns a file descriptor. All methods may be called from any
// goroutine; once it is closed or given up they return an error that matches
// os.ErrClosed. It must be closed: the garbage collector is only a net under
// mistakes, see [Leaked].
type OwnedFD struct{ owned owned }

// FromRawFD takes raw over: from now on only the result closes it.
func FromRawFD(raw RawFD) *OwnedFD {
	o := new(OwnedFD)
	o.owned.own(uintptr(raw), closeFD)
	return o
}

// closeFD closes a descriptor. It is gone also when close(2) was interrupted.
func closeFD(raw uintptr) error {
	if err := unix.Close(int(raw)); err != nil && err != unix.EINTR {
		return os.NewSyscallError("close", err)
	}
	return nil
}

// AsFD borrows the descriptor.
func (o *OwnedFD) AsFD() BorrowedFD { return BorrowedFD{owner: o, raw: RawFD(o.owned.raw)} }

// AsRawFD returns the number of the descriptor, or -1 once it is closed or
// given up. Nothing keeps the number from being closed or used again; see Use.
func (o *OwnedFD) AsRawFD() RawFD {
	if o.owned.ended() {
		return -1
	}
	return RawFD(o.owned.raw)
}

// IntoRawFD gives the descriptor up without closing it; the caller owns it
// now. Uses in progress on other goroutines go on.
func (o *OwnedFD) IntoRawFD() (RawFD, error) {
	if err := o.owned.end(givenBit); err != nil {
		return -1, err
	}
	return RawFD(o.owned.raw), nil
}

// Use calls f with the descriptor, which stays open until f returns, even when
// another goroutine calls Close.
func (o *OwnedFD) Use(f func(RawFD)) error { return o.AsFD().Use(f) }

// TryClone returns a duplicate, closed on exec, that the caller owns; see
// dup(2). Both share the open file with its flags.
func (o *OwnedFD) TryClone() (*OwnedFD, error) { return o.AsFD().TryClone() }

// Close closes the descriptor, or leaves it to the last user in progress on
// another goroutine; then the error of close(2) is lost.
func (o *OwnedFD) Close() error { return o.owned.end(0) }

// AsFD is implemented by what lends a descriptor safely.
type AsFD interface{ AsFD() BorrowedFD }

// AsRawFD is implemented by what tells the number of its descriptor.
type AsRawFD interface{ AsRawFD() RawFD }

// IntoRawFD is implemented by what can give its descriptor up.
type IntoRawFD interface{ IntoRawFD() (RawFD, error) }
