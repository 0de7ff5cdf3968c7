//go:build unix

package binding

import "github.com/moor-net/moor/netpoll"

// On Unix handles and sockets are both descriptors: the names that a portable
// source uses stand for the same types.
type (
	RawHandle      = RawFD
	RawSocket      = RawFD
	BorrowedHandle = BorrowedFD
	BorrowedSocket = BorrowedFD
	OwnedHandle    = OwnedFD
	OwnedSocket    = OwnedFD
)

// FromRawHandle is FromRawFD.
func FromRawHandle(raw RawHandle) *OwnedHandle { return FromRawFD(raw) }

// FromRawSocket is FromRawFD.
func FromRawSocket(raw RawSocket) *OwnedSocket { return FromRawFD(raw) }

// BorrowRawHandle is BorrowRawFD.
func BorrowRawHandle(raw RawHandle) BorrowedHandle { return BorrowRawFD(raw) }

// BorrowRawSocket is BorrowRawFD.
func BorrowRawSocket(raw RawSocket) BorrowedSocket { return BorrowRawFD(raw) }

// AsHandle is AsFD.
func (b BorrowedFD) AsHandle() BorrowedHandle { return b }

// AsSocket is AsFD.
func (b BorrowedFD) AsSocket() BorrowedSocket { return b }

// AsRawHandle is AsRawFD.
func (b BorrowedFD) AsRawHandle() RawHandle { return b.AsRawFD() }

// AsRawSocket is AsRawFD.
func (b BorrowedFD) AsRawSocket() RawSocket { return b.AsRawFD() }

// AsHandle is AsFD.
func (o *OwnedFD) AsHandle() BorrowedHandle { return o.AsFD() }

// AsSocket is AsFD.
func (o *OwnedFD) AsSocket() BorrowedSocket { return o.AsFD() }

// AsRawHandle is AsRawFD.
func (o *OwnedFD) AsRawHandle() RawHandle { return o.AsRawFD() }

// AsRawSocket is AsRawFD.
func (o *OwnedFD) AsRawSocket() RawSocket { return o.AsRawFD() }

// IntoRawHandle is IntoRawFD.
func (o *OwnedFD) IntoRawHandle() (RawHandle, error) { return o.IntoRawFD() }

// IntoRawSocket is IntoRawFD.
func (o *OwnedFD) IntoRawSocket() (RawSocket, error) { return o.IntoRawFD() }

// RegisterHandle is RegisterSocket.
func (b *Binding) RegisterHandle(h BorrowedHandle, p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return b.RegisterSocket(h, p, token, interest, opts)
}

// ReregisterHandle is ReregisterSocket.
func (b *Binding) ReregisterHandle(h BorrowedHandle, p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return b.ReregisterSocket(h, p, token, interest, opts)
}

// DeregisterHandle is DeregisterSocket.
func (b *Binding) DeregisterHandle(h BorrowedHandle, p *netpoll.Poll) error {
	return b.DeregisterSocket(h, p)
}
