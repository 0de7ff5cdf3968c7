package runtime

import (
	"io"
	"os"
	"syscall"

	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/internal/sys"
)

// maxTransfer bounds one system call's bytes, as package net does: some
// systems refuse more than an int32.
const maxTransfer = 1 << 30

// Read reads into p. Except on a Packet FD it returns io.EOF at the end.
// An empty p returns at once. Errors are *os.SyscallError of read(2).
//
// The frames below a goroutine that sleeps in here are few and small: with
// thousands of connections each has to come back from memory.
func (fd *FD) Read(p []byte) (n int, err error) {
	if err := fd.begin(fdmutex.Read); err != nil {
		return 0, err
	}
	if len(p) > 0 {
		err = fd.r.expired()
		for again := true; again && err == nil; {
			if fd.r.take() {
				n, again, err = fd.attemptRead(p)
			} else {
				err = fd.waitInto(&fd.r, p)
			}
		}
	}
	fd.end(fdmutex.Read)
	fd.Loop().charge(n)
	return n, err
}

// attemptRead reads once. It reports again when that would block. The side's
// ready bit was cleared by the caller.
func (fd *FD) attemptRead(p []byte) (n int, again bool, err error) {
	if fd.kind == Stream && len(p) > maxTransfer {
		p = p[:maxTransfer]
	}
	n, errno := fd.callRead(p)
	switch {
	case errno == syscall.EAGAIN:
		return 0, true, nil
	case errno != 0:
		fd.r.keep()
		return n, false, os.NewSyscallError(sys.ReadName, errno)
	}
	if n == 0 || n == len(p) || !fd.drained() {
		fd.r.keep()
	}
	fd.Loop().in.Add(uint64(n))
	return n, false, fd.eof(n)
}

// awaitData waits until a read is worth trying.
func (fd *FD) awaitData() error {
	for !fd.r.take() {
		if err := fd.wait(&fd.r); err != nil {
			return err
		}
	}
	return nil
}

// eof returns io.EOF for a read of n bytes that means the end.
func (fd *FD) eof(n int) error {
	if n == 0 && fd.kind != Packet {
		return io.EOF
	}
	return nil
}

// drained reports whether a short read left nothing behind. The next Read then
// waits for an event instead of asking the kernel first: the system call that
// finds nothing is the third of the three that a request costs otherwise.
func (fd *FD) drained() bool {
	if fd.r.state.Load()&pressing != 0 {
		return false
	}
	if fd.drain == drainUnknown { // guarded by the read lock
		fd.drain = drainNever
		if sys.ShortReadMeansDrained(int(fd.sysfd)) {
			fd.drain = drainShort
		}
	}
	return fd.drain == drainShort
}

// Write writes all of p. It returns the number of bytes that the system took,
// and an error if that is less. Errors are *os.SyscallError of write(2).
func (fd *FD) Write(p []byte) (n int, err error) {
	if err := fd.begin(fdmutex.Write); err != nil {
		return 0, err
	}
	err = fd.w.expired()
	for again := true; err == nil && (again || n < len(p)); {
		var taken int
		taken, again, err = fd.attemptWrite(p[n:])
		n += taken
		if again {
			err = fd.awaitSpace()
		}
	}
	fd.end(fdmutex.Write)
	fd.Loop().charge(n)
	return n, err
}

// attemptWrite writes once. It reports again when that would block.
func (fd *FD) attemptWrite(p []byte) (n int, again bool, err error) {
	if fd.kind == Stream && len(p) > maxTransfer {
		p = p[:maxTransfer]
	}
	n, errno := fd.callWrite(p)
	switch {
	case errno == syscall.EAGAIN:
		return 0, true, nil
	case errno != 0:
		return 0, false, os.NewSyscallError(sys.WriteName, errno)
	case n == 0 && len(p) > 0:
		return 0, false, io.ErrUnexpectedEOF
	}
	fd.Loop().out.Add(uint64(n))
	return n, false, nil
}

// awaitSpace waits until a write that found no space is worth trying again.
func (fd *FD) awaitSpace() error {
	for !fd.w.take() {
		if err := fd.wait(&fd.w); err != nil {
			return err
		}
	}
	return nil
}

// Accept takes one connection off the queue of a Listener and stores the
// peer's address in addr. The descriptor is non-blocking, close-on-exec, and
// the caller's. Errors are *os.SyscallError of accept4(2).
func (fd *FD) Accept(addr *sys.RawAddr) (int, error) {
	if err := fd.begin(fdmutex.Read); err != nil {
		return -1, err
	}
	n, err := fd.accept(addr)
	fd.end(fdmutex.Read)
	fd.Loop().charge(0)
	return n, err
}

func (fd *FD) accept(addr *sys.RawAddr) (int, error) {
	if err := fd.r.expired(); err != nil {
		return -1, err
	}
	for {
		if err := fd.awaitData(); err != nil {
			return -1, err
		}
		n, errno := fd.callAccept(addr)
		if errno == syscall.EAGAIN {
			continue
		}
		fd.r.keep()
		if errno != 0 {
			return -1, os.NewSyscallError(sys.AcceptName, errno)
		}
		return n, nil
	}
}

// WaitWrite waits until the kernel reports that a write is worth trying, in
// particular that a connect in progress has ended. It does not try itself.
func (fd *FD) WaitWrite() error {
	if err := fd.begin(fdmutex.Write); err != nil {
		return err
	}
	defer fd.end(fdmutex.Write)
	if err := fd.w.expired(); err != nil {
		return err
	}
	return fd.awaitSpace()
}

// RawControl calls f with the descriptor while it can't be closed: see
// syscall.RawConn.
func (fd *FD) RawControl(f func(uintptr)) error {
	if err := fd.ref(); err != nil {
		return err
	}
	defer fd.unref()
	f(uintptr(fd.sysfd))
	return nil
}

// RawRead calls f with the descriptor until it returns true, waiting for
// readability in between: see syscall.RawConn. On Windows the socket blocks while
// f runs. Errors are *os.SyscallError of what changes that.
func (fd *FD) RawRead(f func(uintptr) bool) error {
	fd.Loop().charge(0) // before: f may panic
	if err := fd.begin(fdmutex.Read); err != nil {
		return err
	}
	defer fd.end(fdmutex.Read)
	if err := fd.r.expired(); err != nil {
		return err
	}
	return fd.callRaw(&fd.r, f)
}

// RawWrite is RawRead for writing.
func (fd *FD) RawWrite(f func(uintptr) bool) error {
	fd.Loop().charge(0)
	if err := fd.begin(fdmutex.Write); err != nil {
		return err
	}
	defer fd.end(fdmutex.Write)
	if err := fd.w.expired(); err != nil {
		return err
	}
	return fd.callRaw(&fd.w, f)
}

// callRaw calls f until it returns true.
func (fd *FD) callRaw(s *side, f func(uintptr) bool) error {
	defer s.keep() // nobody knows what f left, also if it panics or waiting fails
	for {
		s.take() // an event that comes while f runs is not lost
		done, err := fd.callRawOnce(s, f)
		switch {
		case err != nil:
			return err
		case done:
			return nil
		}
		if err := fd.wait(s); err != nil {
			return err
		}
	}
}

// callRawOnce calls f, which may panic.
func (fd *FD) callRawOnce(s *side, f func(uintptr) bool) (done bool, err error) {
	if err := fd.letBlock(s); err != nil {
		return false, err
	}
	defer fd.forbidBlock(s)
	return f(uintptr(fd.sysfd)), nil
}
