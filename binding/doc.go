// Package binding ties one object of the operating system to one Poll: it is
// what custom sources are made of.
//
// A [Binding] is embedded in the object; its zero value is blank. An object
// that owns a descriptor holds it as an [OwnedHandle] or [OwnedSocket] and
// passes the calls of netpoll.Source on:
//
//	type Device struct {
//		binding.Binding
//		handle *binding.OwnedHandle
//	}
//
//	func (d *Device) Register(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
//		return d.RegisterHandle(d.handle.AsHandle(), p, token, interest, opts)
//	}
//
//	func (d *Device) Reregister(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
//		return d.ReregisterHandle(d.handle.AsHandle(), p, token, interest, opts)
//	}
//
//	func (d *Device) Deregister(p *netpoll.Poll) error {
//		return d.DeregisterHandle(d.handle.AsHandle(), p)
//	}
//
//	func (d *Device) Close() error {
//		d.Forget()
//		return d.handle.Close()
//	}
//
// The same source compiles on every system. Windows tells handles and sockets
// apart, and so do the types there; on Unix both names stand for a file
// descriptor.
//
// # Raw, borrowed, owned
//
// A raw value ([RawHandle], [RawSocket], on Unix RawFD) is a number and says
// nothing about who closes it. A borrowed one ([BorrowedHandle],
// [BorrowedSocket]) is to be used while its owner is open, holds the owner
// against garbage collection, and fails with os.ErrClosed afterwards. An owned
// one ([OwnedHandle], [OwnedSocket]) closes it, once.
//
// # Operations of Windows
//
// A handle on Windows is not ready or unready: the program begins an operation,
// an [Overlapped], and the system says when it is complete. A Binding ties the
// handle to the completion port of its Poll; the completion calls a function, or
// makes the object readable or writable, or both. Sockets have readiness as on
// other systems and, if they want to, operations too.
package binding
