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
	since uint32  // like fd; of two attachments of one number the later one holds
	meta  atomic.Uint32
}

// meta is a word of an attachment:
//
//	bits 0..7    interest; readiness bits above do not occur with descriptors
//	bits 8..10   options
//	bit  11      spent: a one-shot event was delivered
//	bits 12..31  counts the updates, so that a change of the word is seen
type meta uint32

const (
	spent      meta = 1 << 11
	updateUnit meta = 1 << 12
)

func (m meta) interest() Ready { return Ready(m & 0xff) }
func (m meta) opts() PollOpt   { return PollOpt(m >> 8 & 7) }

// with returns the word after an update of m.
func (m meta) with(interest Ready, opts PollOpt) meta {
	return m&^(updateUnit-1) + updateUnit | meta(interest&0xff) | meta(opts)<<8
}

func (a *attachment) set(token Token, interest Ready, opts PollOpt) {
	a.token.Store(uint64(token))
	a.meta.Store(uint32(meta(a.meta.Load()).with(interest, opts)))
}

// spend marks the one-shot registration that m was read from as used up. It
// reports false when it was, or when the registration has changed since.
func (a *attachment) spend(m meta) bool {
	return m&spent == 0 && a.meta.CompareAndSwap(uint32(m), uint32(m|spent))
}

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
	slot, err := p.attach(fd, token, interest, opts)
	if err == nil {
		p.fds.expire(p, fd)
	}
	return slot, err
}

// AttachAsked is Attach with Edge for an owner that tries each operation first and
// calls Rearm whenever one would block. Where NeedsRearm is true, nothing is
// reported that was not asked for in this way: a source that nobody waits for
// costs nothing.
func (p *Poll) AttachAsked(fd uintptr, token Token, interest Ready) (Slot, error) {
	slot, err := p.attach(fd, token, interest, Edge|asked)
	if err == nil {
		p.fds.expire(p, fd)
	}
	return slot, err
}

func (p *Poll) attach(fd uintptr, token Token, interest Ready, opts PollOpt) (Slot, error) {
	if err := check(token, opts&^asked); err != nil {
		return 0, err
	}
	interest &= known
	if err := p.begin(); err != nil {
		return 0, err
	}
	defer p.end()
	h := p.table.Take(func(_ slots.Handle, a *attachment) {
		a.fd, a.since = fd, p.attached.Add(1)
		a.set(token, interest, opts&^asked)
	})
	err := p.sel.add(fd, uint64(h), interest, opts)
	if err == ErrAlreadyRegistered && p.succeed(h) {
		err = nil
	}
	if err != nil {
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
	interest &= known
	if err := p.begin(); err != nil {
		return slot, err
	}
	defer p.end()
	a := p.table.Get(slots.Handle(slot))
	if a == nil {
		return slot, ErrNotRegistered
	}
	h := p.table.Renew(slots.Handle(slot), func(a *attachment) {
		a.set(token, interest, opts)
	})
	return Slot(h), p.sel.modify(a.fd, uint64(h), interest, opts)
}

// NeedsRearm says whether the system has to be told when an edge-triggered
// source would block: see [Poll.Rearm].
const NeedsRearm = needsRearm

// Fresh says whether, on this system, what an event says of a descriptor was so
// at some moment during the call of Poll that has returned it, not only before.
const Fresh = fresh

// Rearm says that an operation on a source that is registered with Edge would
// block: it asks for an event when the source becomes ready, as the bits say,
// Readable or Writable or both; at once if it is by now. Calls for the same
// Slot must not overlap with its Update, Detach and Forget.
//
// It does nothing where NeedsRearm is false, since the system sees by itself.
// Elsewhere a source that Rearm is never called for has its event too, but up
// to some tenths of a second late, and has more of them.
func (p *Poll) Rearm(slot Slot, ready Ready) error {
	if !needsRearm {
		return nil
	}
	if err := p.begin(); err != nil {
		return err
	}
	defer p.end()
	a := p.table.Get(slots.Handle(slot))
	if a == nil {
		return ErrNotRegistered
	}
	return p.sel.rearm(a.fd, uint64(slot), ready)
}

// Detach ends a registration: no Poll call finds an event of it afterwards.
// (One that has just found an event may still be about to return it.) Calls
// for the same Slot must not overlap. It returns an error that matches
// ErrNotRegistered when the Slot no longer names a registration, or when fd was
// closed before; in that case its number must not be registered with p again
// by now.
func (p *Poll) Detach(slot Slot) error {
	return p.drop(slot, p.sel.remove)
}

// Forget is Detach for a descriptor that the caller closes next and that no
// duplicate keeps open: it saves the system call where closing does the work.
func (p *Poll) Forget(slot Slot) error {
	return p.drop(slot, p.sel.forget)
}

func (p *Poll) drop(slot Slot, off func(fd uintptr, key uint64) error) error {
	if err := p.begin(); err != nil {
		return err
	}
	defer p.end()
	var fd uintptr
	if !p.table.Free(slots.Handle(slot), func(a *attachment) { fd = a.fd }) {
		return ErrNotRegistered
	}
	return off(fd, uint64(slot))
}

// begin and end bracket a change of what is registered.
func (p *Poll) begin() error {
	if err := p.enter(); err != nil {
		return err
	}
	p.changing.RLock()
	return nil
}

func (p *Poll) end() {
	p.changing.RUnlock()
	p.leave()
}
