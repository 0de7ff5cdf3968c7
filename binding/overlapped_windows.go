package binding

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/netpoll"
)

// An Overlapped is an operation that the system carries out while the program
// does something else: one at a time, begun with [Binding.BeginHandle] or
// [Binding.BeginSocket], and complete when the Poll has delivered its packet.
// The zero Overlapped is ready to use; it must not be copied after that.
//
// While the operation is in progress the Overlapped, the buffer and what Hold
// was given stay where they are and are not collected, whatever the program
// still refers to, and the handle stays open: Close cancels the operation and
// leaves closing to its completion. Each operation that was begun completes
// exactly once, also when it was cancelled, when its handle was closed, and, at
// the latest, when the Poll is closed. A Poll that nobody polls any more
// delivers nothing until then.
//
// See https://learn.microsoft.com/windows/win32/fileio/synchronous-and-asynchronous-i-o.
type Overlapped struct {
	op netpoll.Overlapped // first, and the OVERLAPPED is first in it

	// Done, if not nil, is called by the goroutine that is in Poll with what
	// Result returns. It must not block, and may begin the next operation.
	Done func(n int, err error)
	// Ready says what the completion makes an object ready for that is
	// registered with RegisterHandle; beginning the operation takes that back.
	// Zero makes no event.
	Ready netpoll.Ready

	busy        atomic.Bool // begun, and not complete
	mu          sync.Mutex  // guards use against Cancel
	use         use         // of the handle, while busy
	completions *completions
	pins        runtime.Pinner // which also keep what is pinned from being collected
	n           int
	err         error

	next, previous *Overlapped // in the owner's operations
}

// ErrInProgress is returned by attempts to begin an operation with an Overlapped
// whose last one is not complete.
var ErrInProgress = errors.New("binding: the Overlapped is in use")

// Hold keeps memory in place until the next operation is complete, or until the
// attempt to begin it has failed: what the system writes to besides the buffer,
// such as the address that WSARecvFrom stores. p is a pointer. Hold must not be
// called while an operation is in progress, and an attempt to begin one must
// follow: an Overlapped that is dropped while it holds something ends the program,
// as a runtime.Pinner does.
func (o *Overlapped) Hold(p any) { o.pins.Pin(p) }

// BeginHandle begins an operation on a handle that is registered with
// RegisterHandle. It calls begin, which calls the system with the OVERLAPPED,
// after setting an offset in it where that matters, and returns what that said:
//
//	var n uint32
//	err := b.BeginHandle(h, o, buf, func(h binding.RawHandle, raw *windows.Overlapped) error {
//		raw.Offset = 4096
//		return windows.ReadFile(windows.Handle(h), buf, &n, raw)
//	})
//
// When BeginHandle returns nil the operation completes with the Poll, also if it
// has been carried out at once: FILE_SKIP_COMPLETION_PORT_ON_SUCCESS must not be
// set for the handle. Otherwise it did not begin, and never completes:
// the error is begin's, or one that matches netpoll.ErrNotRegistered,
// ErrInProgress, or os.ErrClosed.
func (b *Binding) BeginHandle(h BorrowedHandle, o *Overlapped, buf []byte, begin func(RawHandle, *windows.Overlapped) error) error {
	u := use{raw: windows.Handle(h.raw)}
	if h.owner != nil {
		u.owned, u.operations = &h.owner.owned, &h.owner.operations
	}
	return b.begin(u, o, buf, func(raw *windows.Overlapped) error { return begin(RawHandle(u.raw), raw) })
}

// BeginSocket begins an operation on a socket that is registered with
// RegisterSocket: see BeginHandle. The first one associates the socket with the
// Poll's port, for good; the readiness that it is registered for is told as
// before. Buffers in a WSABUF are the operation's to hold: see buf, and Hold.
func (b *Binding) BeginSocket(s BorrowedSocket, o *Overlapped, buf []byte, begin func(RawSocket, *windows.Overlapped) error) error {
	u := use{raw: windows.Handle(s.raw), isSocket: true}
	if s.owner != nil {
		u.owned, u.operations = &s.owner.owned, &s.owner.operations
	}
	return b.begin(u, o, buf, func(raw *windows.Overlapped) error { return begin(RawSocket(u.raw), raw) })
}

func (b *Binding) begin(u use, o *Overlapped, buf []byte, begin func(*windows.Overlapped) error) error {
	// One use is the operation's, the other one lasts until begin returns:
	// the operation may be complete by then.
	if err := u.acquire(); err != nil {
		return o.refuse(err)
	}
	defer u.release()
	p, c, err := b.beginOn(u)
	if err != nil {
		return o.refuse(err)
	}
	if !o.busy.CompareAndSwap(false, true) {
		return ErrInProgress
	}
	if err := u.acquire(); err != nil {
		o.pins.Unpin()
		o.busy.Store(false)
		return err
	}
	o.prepare(u, c, buf)
	if err := p.Start(&o.op, begin); err != nil {
		o.leave()
		o.busy.Store(false)
		return err
	}
	// Close looks for operations after it has said that it was called, and
	// this here does both the other way round: one of them cancels.
	if u.owned != nil && u.owned.ended() {
		windows.CancelIoEx(u.raw, o.op.Raw()) // fails when it is complete
	}
	return nil
}

// refuse lets go of what Hold was given for an operation that does not begin, and
// returns the reason. The memory is left alone if an operation is in progress.
func (o *Overlapped) refuse(err error) error {
	if o.busy.CompareAndSwap(false, true) {
		o.pins.Unpin()
		o.busy.Store(false)
	}
	return err
}

// beginOn returns the Poll and the completions that an operation is for.
func (b *Binding) beginOn(u use) (*netpoll.Poll, *completions, error) {
	slot := b.lock()
	defer b.unlock(slot)
	p := *b.owner()
	switch {
	case slot == 0 || u.isSocket != (slot != handleSlot):
		return nil, nil, netpoll.ErrNotRegistered
	case u.isSocket:
		return p, nil, b.associate(p, uintptr(u.raw))
	}
	return p, b.association.completions, nil
}

// prepare makes o an operation in progress.
func (o *Overlapped) prepare(u use, c *completions, buf []byte) {
	if o.op.Done == nil {
		o.op.Done, o.op.Cancel = o.complete, o.Cancel
	}
	o.mu.Lock()
	o.use = u
	o.mu.Unlock()
	o.completions, o.n, o.err = c, 0, nil
	if len(buf) > 0 {
		o.Hold(&buf[0])
	}
	if u.operations != nil {
		u.operations.add(o)
	}
	if c != nil && o.Ready != 0 {
		c.clear(o.Ready)
	}
}

// leave gives back what the operation held.
func (o *Overlapped) leave() {
	o.mu.Lock()
	u := o.use
	o.use = use{}
	o.mu.Unlock()
	if u.operations != nil {
		u.operations.remove(o)
	}
	o.pins.Unpin()
	u.release()
}

// complete is called by the Poll with the operation's packet.
func (o *Overlapped) complete(c netpoll.Completion) {
	n, err := int(c.Bytes), error(nil)
	if c.Status != 0 {
		err = o.failure(c)
	}
	o.n, o.err = n, err
	if o.completions != nil && o.Ready != 0 {
		o.completions.set(o.Ready)
	}
	o.completions = nil
	o.leave()
	o.busy.Store(false) // Done may begin the next one
	if o.Done != nil {
		o.Done(n, err)
	}
}

// failure says an operation's status as the error that its call would have
// returned. Winsock has errors of its own, which only it can tell.
func (o *Overlapped) failure(c netpoll.Completion) error {
	if o.use.isSocket {
		var n, flags uint32
		if err := windows.WSAGetOverlappedResult(o.use.raw, o.op.Raw(), &n, false, &flags); err != nil {
			return err
		}
	}
	return c.Status.Errno()
}

// Result returns the bytes that the last operation moved and its error: an
// errno, such as windows.ERROR_OPERATION_ABORTED when it was cancelled, or
// windows.ERROR_MORE_DATA, with the bytes that fit, for a message that did not
// fit into the buffer. It must not be called while an operation is in progress.
func (o *Overlapped) Result() (n int, err error) { return o.n, o.err }

// InProgress reports whether an operation was begun and is not complete.
func (o *Overlapped) InProgress() bool { return o.busy.Load() }

// Cancel asks the system to end the operation, which completes all the same;
// mostly with windows.ERROR_OPERATION_ABORTED, but success can be faster.
// Nothing happens when no operation is in progress. Cancel may be called from
// any goroutine, but not while an operation is being begun.
func (o *Overlapped) Cancel() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.use.raw != 0 || o.use.isSocket {
		// The handle is open: the operation's own use ends under this lock.
		windows.CancelIoEx(o.use.raw, o.op.Raw()) // fails when it is complete
	}
}
