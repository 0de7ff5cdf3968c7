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
//	p.AssociateHandle(h) // once in the life of h
//	pins.Pin(&buf[0])    // a runtime.Pinner; see below
//	var n uint32         // says nothing yet
//	err := p.Start(o, func(raw *windows.Overlapped) error {
//		return windows.ReadFile(h, buf, &n, raw)
//	})
//	if err != nil {
//		pins.Unpin() // otherwise in o.Done
//	}
//
// From Start to the packet p holds o, and o.Done holds what it refers to, so
// neither is collected while the kernel may write to the OVERLAPPED in it; and
// it is pinned. The buffer is the caller's to hold and to pin, until Done: the
// kernel writes to it after Start has returned, and knows nothing but its
// address. When the operation has completed, in whatever way, o
// belongs to its owner again and Done is called by the goroutine that is in Poll.
// An operation that succeeds at once has a packet all the same:
// FILE_SKIP_COMPLETION_PORT_ON_SUCCESS must not be set.
//
// Closing the Poll cancels what is in progress and waits for it to complete, so
// Done is called then at the latest: by Close, by the Poll call in progress, or by
// another goroutine if other calls were in progress. Should the system not end an operation
// within seconds, its Done is never called, and o, which the kernel may still
// write to, is kept for good.
type Overlapped struct {
	raw windows.Overlapped
	// Done is called once for each operation. It must not block, and may
	// start the next operation or set a Registration, whose event the same
	// call of Poll then returns. It must not be changed between Start and Done.
	Done func(Completion)
	// Cancel, if not nil, asks the system to end the operation (CancelIoEx); the
	// handle must still be open then. It is called when the Poll is closed. It
	// must not be changed between Start and Done.
	Cancel func()

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

// rooted are the foreign of all Polls that ever had an operation and are not
// closed, or were closed with operations that did not end. The kernel writes to
// these whether or not the program still refers to the Poll.
var rooted struct {
	mu  sync.Mutex
	all map[*foreign]struct{}
}

// root keeps f, and what is in progress, from being collected.
func (f *foreign) root() {
	rooted.mu.Lock()
	defer rooted.mu.Unlock()
	if rooted.all == nil {
		rooted.all = make(map[*foreign]struct{})
	}
	rooted.all[f] = struct{}{}
}

func (f *foreign) unroot() {
	rooted.mu.Lock()
	defer rooted.mu.Unlock()
	delete(rooted.all, f)
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

// Start calls begin, which starts an operation on a handle that is associated
// with p and gives it the OVERLAPPED. Its event is zero; begin may set an
// offset. o must not be in progress.
//
// The operation is in progress when begin returns nil,
// windows.ERROR_IO_PENDING, or one of the two that say that a message was cut
// off; Start then returns nil, and Done may have been called by then. Any other
// error says that no packet will come, and is returned. Start returns an error
// that matches os.ErrClosed when p is closed.
func (p *Poll) Start(o *Overlapped, begin func(*windows.Overlapped) error) error {
	// Close waits for begin, so it finds the operation.
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	f := &p.sel.foreign
	f.hold(o)
	err := begin(&o.raw)
	switch err {
	case nil, windows.ERROR_IO_PENDING:
		return nil
	case windows.ERROR_MORE_DATA, windows.WSAEMSGSIZE:
		// To the kernel a warning (STATUS_BUFFER_OVERFLOW), which is a success
		// as far as packets are concerned.
		return nil
	}
	f.take(o.address())
	return err
}

// Raw returns the OVERLAPPED, for calls that are about the operation: CancelIoEx
// while it is in progress, and those that ask for its result in Done.
func (o *Overlapped) Raw() *windows.Overlapped { return &o.raw }

// hold makes o an operation in progress.
func (f *foreign) hold(o *Overlapped) {
	o.raw = windows.Overlapped{}
	o.pin.Pin(o)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending == nil {
		f.pending = make(map[uintptr]*Overlapped)
		f.root()
	}
	f.pending[o.address()] = o
}

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

// complete delivers a packet of a foreign handle. It reports false for one that
// nobody has started an operation for.
func (f *foreign) complete(p *packet) bool {
	o := f.take(p.overlapped)
	if o == nil {
		return false
	}
	o.Done(Completion{p.status(), p.bytes})
	return true
}

// len returns the number of operations in progress.
func (f *foreign) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pending)
}

// cancelAll asks the system to end what is in progress. No operation starts
// meanwhile, nor completes.
func (f *foreign) cancelAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.pending {
		if o.Cancel != nil {
			o.Cancel()
		}
	}
}
