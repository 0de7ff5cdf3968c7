package netpoll

import (
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// An Overlapped is an operation in progress on a handle that is associated with
// a Poll's port: a read of a named pipe, the connecting of one, a change of a
// directory. It is what package binding is made of; programs use that.
//
//	p.AssociateHandle(h)                      // once in the life of h
//	raw, err := p.Begin(o)                    // for each operation
//	err = windows.ReadFile(h, buf, &n, raw)
//	if err != nil && err != windows.ERROR_IO_PENDING {
//		p.Abandon(o)                      // no packet comes
//	}
//
// From Begin to the packet p holds o, and o.Done holds what it refers to, so
// neither is collected while the kernel may write to the OVERLAPPED in it; and
// it is pinned. (The buffer is the caller's to hold and to pin.) When the
// operation has completed, in whatever way, o belongs to its owner again and
// Done is called by the goroutine that is in Poll. An operation that ends at
// once, and so without ERROR_IO_PENDING, has a packet all the same, unless
// SetFileCompletionNotificationModes was asked to leave it out.
//
// Cancel what is in progress and wait for its Done before closing the Poll.
// Otherwise Done is never called, and o, which the kernel may still write to, is
// kept for good.
type Overlapped struct {
	raw windows.Overlapped
	// Done is called once for each operation. It must not block, and may
	// begin the next operation or set a Registration, whose event the same
	// call of Poll then returns. It must not be changed between Begin and Done.
	Done func(Completion)

	pin runtime.Pinner
}

// A Completion says how an operation ended.
type Completion struct {
	Status windows.NTStatus // zero for success; Errno says it as a Windows error
	Bytes  uint32           // moved
}

// foreign are the operations in progress on handles that are not the selector's.
type foreign struct {
	mu      sync.Mutex
	pending map[uintptr]*Overlapped // by the address of raw
}

// AssociateHandle makes the packets of the handle's operations come to p's port.
// That can't be undone: h belongs to p until it is closed. It returns an error
// that matches windows.ERROR_INVALID_PARAMETER when h has a port already or was
// not opened for overlapped operations, and os.ErrClosed when p is closed.
func (p *Poll) AssociateHandle(h windows.Handle) error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	return p.sel.port.associate(h, foreignKey)
}

// Begin returns the OVERLAPPED to give to the call that begins an operation on
// a handle that is associated with p. o must not be in progress. The event in
// it is zero; an offset may be set before the call. Begin returns an error that
// matches os.ErrClosed when p is closed.
func (p *Poll) Begin(o *Overlapped) (*windows.Overlapped, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	o.raw = windows.Overlapped{}
	o.pin.Pin(o)
	f := &p.sel.foreign
	f.mu.Lock()
	if f.pending == nil {
		f.pending = make(map[uintptr]*Overlapped)
	}
	f.pending[o.address()] = o
	f.mu.Unlock()
	return &o.raw, nil
}

// Abandon says that the operation did not begin: the call failed, and no packet
// comes.
func (p *Poll) Abandon(o *Overlapped) { p.sel.foreign.take(o.address()) }

// address is what the packet says: its OVERLAPPED's address, which does not
// change while o is pinned.
func (o *Overlapped) address() uintptr { return uintptr(unsafe.Pointer(&o.raw)) }

// take gives the operation at address back to its owner, nil if it is none.
func (f *foreign) take(address uintptr) *Overlapped {
	f.mu.Lock()
	o := f.pending[address]
	delete(f.pending, address)
	f.mu.Unlock()
	if o != nil {
		o.pin.Unpin()
	}
	return o
}

// complete delivers a packet of a foreign handle. Packets that nobody has begun
// an operation for are dropped.
func (f *foreign) complete(p *packet) {
	if o := f.take(p.overlapped); o != nil {
		o.Done(Completion{p.status(), p.bytes})
	}
}

// lost holds what was in progress when its Poll was closed: the kernel writes to
// it when it completes, which nobody hears of any more.
var lost struct {
	mu  sync.Mutex
	ops []*Overlapped
}

// lose keeps what is still in progress.
func (f *foreign) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	lost.mu.Lock()
	defer lost.mu.Unlock()
	for _, o := range f.pending {
		lost.ops = append(lost.ops, o)
	}
	f.pending = nil
}
