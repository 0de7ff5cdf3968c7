package runtime

import (
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/binding"
	"github.com/moor-net/moor/internal/fdmutex"
	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/netpoll"
)

// A Handle is to overlapped operations what an FD is to readiness: a handle that
// belongs to a loop, with blocking operations. It serves named pipes, and other
// devices that are read and written without an offset. It must not be copied.
// Its methods may be called from any number of goroutines: reads wait for each
// other, so do writes, and Close ends them all.
//
// An operation gives the caller's buffer to the system, and returns only when
// that is through with it, also when it is cut short by Close or a deadline.
// Every method returns an error that matches net.ErrClosed once Close was
// called, and those that wait return os.ErrDeadlineExceeded when the direction's
// deadline has passed.
type Handle struct {
	mu      fdmutex.Mutex
	loop    *Loop
	kind    Kind // guarded by the lock of the loop's handles
	owned   *binding.OwnedHandle
	binding binding.Binding
	r, w    handleSide
}

// Init takes over a handle, which was opened for overlapped operations and has no
// completion port, and gives it to the least loaded loop of rt. It returns an
// error that matches net.ErrClosed when rt was shut down, and otherwise what the
// system said; the handle then still belongs to the caller. Of the kinds,
// Listener says that Shutdown closes it at once.
//
// The zero Handle is not usable before; Init is called once.
func (h *Handle) Init(rt *Runtime, owned *binding.OwnedHandle, kind Kind) error {
	h.kind, h.owned, h.loop = kind, owned, rt.pick()
	h.r.init()
	h.w.init()
	l := h.loop
	l.conns.Add(1)
	if rt.closing.Load() {
		l.leave()
		return net.ErrClosed
	}
	// No interest: operations tell who waits for them.
	if err := h.binding.RegisterHandle(owned.AsHandle(), l.poll, handleToken, 0, 0); err != nil {
		l.leave()
		return closedPoll(err)
	}
	h.mu.Ref() // a Shutdown may find h now
	l.handles.add(h)
	if kind == Listener && rt.closing.Load() {
		h.Shut() // which Shutdown may not have seen
	}
	if h.mu.Unref() {
		h.release()
		return net.ErrClosed
	}
	return nil
}

// handleToken is never delivered.
const handleToken = netpoll.Token(2)

// closedPoll says that the Runtime was shut down as package net would.
func closedPoll(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return net.ErrClosed
	}
	return err
}

// Close ends every blocked call, waits until the last user has left, and closes
// the handle. Later calls return net.ErrClosed. Called by what runs on a loop, which
// users need in order to leave, it does not wait.
func (h *Handle) Close() error {
	if !h.mu.Close() {
		return net.ErrClosed
	}
	err := h.owned.Close() // cancels what is in progress
	h.unref()
	if !h.loop.rt.driven() {
		h.mu.AwaitRelease()
	}
	return err
}

// Shut is Close for callers that must not wait: see FD.Shut.
func (h *Handle) Shut() bool {
	if !h.mu.Close() {
		return false
	}
	h.owned.Close()
	h.unref()
	return true
}

// unref gives a reference back; the last user of a closed Handle takes it off
// its loop.
func (h *Handle) unref() {
	if h.mu.Unref() {
		h.release()
	}
}

func (h *Handle) end(side fdmutex.Side) {
	if h.mu.Unlock(side) {
		h.release()
	}
}

func (h *Handle) release() {
	h.binding.Forget()
	h.r.stop()
	h.w.stop()
	h.loop.handles.remove(h)
	h.loop.leave()
	h.mu.Released()
}

// SetKind changes what Init was told, when a listening instance of a pipe has
// become a connection.
func (h *Handle) SetKind(kind Kind) {
	h.loop.handles.mu.Lock()
	defer h.loop.handles.mu.Unlock()
	h.kind = kind
}

// AsHandle borrows the handle.
func (h *Handle) AsHandle() binding.BorrowedHandle { return h.owned.AsHandle() }

// Use calls f with the handle, which stays open until f returns.
func (h *Handle) Use(f func(binding.RawHandle)) error {
	return closedPoll(h.owned.Use(f))
}

// Read reads into p. It returns io.EOF when the other end of a pipe was closed;
// of a message that does not fit it returns the first part, and the rest comes
// with the next Read. An empty p returns at once. Errors are *os.SyscallError of
// ReadFile.
func (h *Handle) Read(p []byte) (int, error) { return h.ReadUntil(p, nil) }

// ReadUntil is Read where a message of no bytes is the end: it sets mark, and with
// that all Reads return io.EOF, those that wait for their turn too.
func (h *Handle) ReadUntil(p []byte, mark *atomic.Bool) (int, error) {
	if !h.mu.Lock(fdmutex.Read) {
		return 0, net.ErrClosed
	}
	defer h.end(fdmutex.Read)
	if len(p) == 0 {
		return 0, nil
	}
	if mark != nil && mark.Load() {
		return 0, cmp.Or(h.r.expired(), io.EOF)
	}
	if len(p) > maxTransfer {
		p = p[:maxTransfer]
	}
	n, err := h.do(&h.r, p, "ReadFile", func(raw windows.Handle, o *windows.Overlapped) error {
		var n uint32
		return windows.ReadFile(raw, p, &n, o)
	})
	sys.Received(p[:n])
	h.loop.in.Add(uint64(n))
	switch {
	case errors.Is(err, windows.ERROR_MORE_DATA):
		err = nil
	case errors.Is(err, windows.ERROR_BROKEN_PIPE), errors.Is(err, windows.ERROR_PIPE_NOT_CONNECTED):
		err = io.EOF
	}
	if mark != nil && n == 0 && err == nil {
		mark.Store(true)
		err = io.EOF
	}
	return n, err
}

// Write writes all of p, in one operation if it has less than a GiB. It returns
// the number of bytes that the system took, and an error if that is less. Errors
// are *os.SyscallError of WriteFile.
func (h *Handle) Write(p []byte) (int, error) {
	if !h.mu.Lock(fdmutex.Write) {
		return 0, net.ErrClosed
	}
	defer h.end(fdmutex.Write)
	for done := 0; ; {
		chunk := p[done:min(len(p), done+maxTransfer)]
		sys.Sending(chunk)
		n, err := h.do(&h.w, chunk, "WriteFile", func(raw windows.Handle, o *windows.Overlapped) error {
			var n uint32
			return windows.WriteFile(raw, chunk, &n, o)
		})
		done += n
		h.loop.out.Add(uint64(n))
		if err == nil && n < len(chunk) {
			err = io.ErrShortWrite
		}
		if err != nil || done == len(p) {
			return done, err
		}
	}
}

// ConnectPipe waits until a client is connected to this instance of a named
// pipe, if there is none yet: see ConnectNamedPipe. A client that has left again
// counts: what it has written can be read. The read deadline applies. When it has
// passed, the instance goes on to be there for clients.
func (h *Handle) ConnectPipe() error {
	if !h.mu.Lock(fdmutex.Read) {
		return net.ErrClosed
	}
	defer h.end(fdmutex.Read)
	_, err := h.do(&h.r, nil, "ConnectNamedPipe", func(raw windows.Handle, o *windows.Overlapped) error {
		return windows.ConnectNamedPipe(raw, o)
	})
	if errors.Is(err, windows.ERROR_PIPE_CONNECTED) || errors.Is(err, windows.ERROR_NO_DATA) {
		return nil
	}
	return err
}

// do carries out an operation and waits for it. The caller holds the side's lock.
func (h *Handle) do(s *handleSide, buf []byte, name string, begin func(windows.Handle, *windows.Overlapped) error) (int, error) {
	call := func(raw binding.RawHandle, o *windows.Overlapped) error { return begin(windows.Handle(raw), o) }
	for {
		if err := s.expired(); err != nil {
			return 0, err
		}
		if err := h.binding.BeginHandle(h.owned.AsHandle(), &s.op, buf, call); err != nil {
			if h.mu.Closed() || errors.Is(err, os.ErrClosed) {
				return 0, net.ErrClosed
			}
			return 0, os.NewSyscallError(name, err)
		}
		s.await()
		n, err := s.op.Result()
		if err == windows.ERROR_OPERATION_ABORTED {
			switch ended := s.expired(); {
			case h.mu.Closed():
				return n, net.ErrClosed
			case ended != nil:
				return n, ended
			case s == &h.w && s.cut:
				// The deadline was moved, just after it had passed. How much the
				// other end of a pipe has had is not known: n is zero then.
				return n, os.ErrDeadlineExceeded
			case h.loop.rt.overdue.Load():
				return n, net.ErrClosed // by the Poll's end
			case n == 0 && s == &h.r:
				continue // as with a write, but nothing is lost
			}
		}
		return n, os.NewSyscallError(name, err)
	}
}
