package conn

import (
	"context"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/moor-net/moor/internal/netfd"
	moorrt "github.com/moor-net/moor/runtime"
)

// NotifyReadable arranges for f to be called once, as soon as a Read would not
// block: with nil when there is data, the end of the stream or an error to
// read. It is exact about data that is there already. Otherwise f is called
// with an error that matches net.ErrClosed once the connection is closed, or
// os.ErrDeadlineExceeded when the read deadline passes, which may be set and
// moved meanwhile. Waiting takes neither a goroutine nor a buffer.
//
// f runs on the goroutine of the connection's event loop, where all other
// connections of that loop wait for it: it must not block, and starts a
// goroutine for anything longer. It may call Read when called with nil, Write
// of what the socket takes, NotifyReadable again, and Close of this or any other
// connection; those that are notified of their being closed are so later.
//
// Until f is called this counts as a Read in progress: other Reads wait for
// it. If a Read or another notification is in progress the error matches
// runtime.ErrBusy of this module; it matches net.ErrClosed or
// os.ErrDeadlineExceeded if that is so already. f is not called then. All
// errors are a *net.OpError whose Op is "wait".
//
// The connection stays in memory as long as f refers to it. If it does not,
// and nobody else does either, the garbage collector closes the connection as
// ever, and f is called with an error that matches net.ErrClosed.
func (c *conn) NotifyReadable(f func(error)) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	fd := c.fd // not c, which only f may keep alive
	n := new(moorrt.Notice)
	n.To = moorrt.RecipientFunc(func(err error) {
		n.To = nil
		f(waitError(fd, err))
	})
	err := waitError(fd, fd.NotifyRead(n))
	runtime.KeepAlive(c)
	return err
}

// WaitReadable waits, without a buffer, until a Read would not block: there is
// data, the end of the stream or an error to read. It returns at once if that
// is so already. The read deadline applies, and when ctx ends first its error
// is returned as package net returns it for a dial. Other errors are those of
// NotifyReadable, whose rules on Reads in progress hold too. A coroutine leaves
// its loop to others meanwhile. It must not be called where blocking is
// forbidden, such as from NotifyReadable's function.
func (c *conn) WaitReadable(ctx context.Context) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	defer runtime.KeepAlive(c)
	if err := ctx.Err(); err != nil {
		return waitError(c.fd, netfd.ContextError(err))
	}
	w := new(waiting)
	n := &moorrt.Notice{To: w}
	// What is there already needs no loop; and a wait whose context ends while the
	// loop was about to tell would be in the way of the next one for a moment.
	if later, err := c.fd.NotifyReadLater(n); !later {
		return waitError(c.fd, err)
	}
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, w.over.Resume)()
	}
	loop := c.fd.Loop()
	w.over.Wait(loop)
	if !w.told.Load() {
		// ctx has ended, unless the other comes just now.
		if c.fd.CancelRead(n) {
			return waitError(c.fd, netfd.ContextError(ctx.Err()))
		}
		w.end.Wait(loop)
	}
	return waitError(c.fd, w.err)
}

// waiting is a WaitReadable.
type waiting struct {
	over moorrt.Pause // until it was told, or the context has ended
	end  moorrt.Pause // until it was told
	told atomic.Bool
	err  error // valid when told
}

// Notify implements runtime.Recipient.
func (w *waiting) Notify(err error) {
	w.err = err
	w.told.Store(true)
	w.over.Resume()
	w.end.Resume()
}

// waitError puts an error of waiting into package net's form.
func waitError(fd *netfd.FD, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: "wait", Net: fd.Network(), Source: fd.LocalAddr(), Addr: fd.RemoteAddr(), Err: err}
}
