package netpoll

import (
	"sync/atomic"

	"github.com/moor-net/moor/internal/slots"
)

// A Slot names one registration of one descriptor with one Poll. The zero Slot
// names none.
type Slot uint64

// attachment is what a Poll keeps of a registration.
type attachment struct {
	token atomic.Uint64
	fd    uintptr // written before the slot is visible, never changed
	meta  atomic.Uint32
}

// meta word of an attachment:
//
//	bits  0..15  interest
//	bits 16..23  options
func pack(interest Ready, opts PollOpt) uint32 { return uint32(interest) | uint32(opts)<<16 }

func (a *attachment) interest() Ready { return Ready(a.meta.Load()) }

// Attach registers a descriptor (on Windows: a socket) that the caller owns,
// without taking it over. It is what sources are made of: see package binding
// for one that also remembers its Poll. fd must stay open until Detach or
// Forget. Attach may be called from any goroutine.
//
// It returns an error that matches ErrAlreadyRegistered when fd is attached to
// p, ErrReservedToken or ErrInvalidOptions for arguments that can't be, and
// otherwise what the system said, such as EPERM for a descriptor that can't be
// polled (epoll_ctl(2)).
func (p *Poll) Attach(fd uintptr, token Token, interest Ready, opts PollOpt) (Slot, error) {
	if err := check(token, opts); err != nil {
		return 0, err
	}
	if err := p.enter(); err != nil {
		return 0, err
	}
	defer p.leave()
	h := p.table.Take(func(_ slots.Handle, a *attachment) {
		a.fd = fd
		a.token.Store(uint64(token))
		a.meta.Store(pack(interest, opts))
	})
	if err := p.sel.add(fd, uint64(h), interest, opts); err != nil {
		p.table.Free(h, func(*attachment) {})
		return 0, err
	}
	return Slot(h), nil
}

// Update replaces token, interest and options of a registration and returns
// the Slot that names it from now on. An event that was on its way under the
// old Slot is dropped; if the source is ready, a new one is queued. Calls for
// the same Slot must not overlap. It returns an error that matches
// ErrNotRegistered when the Slot no longer names a registration.
func (p *Poll) Update(slot Slot, token Token, interest Ready, opts PollOpt) (Slot, error) {
	if err := check(token, opts); err != nil {
		return slot, err
	}
	if err := p.enter(); err != nil {
		return slot, err
	}
	defer p.leave()
	a := p.table.Get(slots.Handle(slot))
	if a == nil {
		return slot, ErrNotRegistered
	}
	h := p.table.Renew(slots.Handle(slot), func(a *attachment) {
		a.token.Store(uint64(token))
		a.meta.Store(pack(interest, opts))
	})
	return Slot(h), p.sel.modify(a.fd, uint64(h), interest, opts)
}

// Detach ends a registration; afterwards its token is not delivered any more,
// not even by a Poll call that is in progress. Calls for the same Slot must
// not overlap. It returns an error that matches ErrNotRegistered when the Slot
// no longer names a registration.
func (p *Poll) Detach(slot Slot) error {
	fd, err := p.drop(slot)
	if err != nil {
		return err
	}
	defer p.leave()
	return p.sel.remove(fd)
}

// Forget is Detach for a descriptor that the caller closes next and that no
// duplicate keeps open: it saves the system call where closing does the work.
func (p *Poll) Forget(slot Slot) error {
	fd, err := p.drop(slot)
	if err != nil {
		return err
	}
	defer p.leave()
	p.sel.forget(fd)
	return nil
}

// drop frees the slot and returns its descriptor. When the error is nil the
// Poll has been entered and the caller leaves it.
func (p *Poll) drop(slot Slot) (uintptr, error) {
	if err := p.enter(); err != nil {
		return 0, err
	}
	var fd uintptr
	if !p.table.Free(slots.Handle(slot), func(a *attachment) { fd = a.fd }) {
		p.leave()
		return 0, ErrNotRegistered
	}
	return fd, nil
}
