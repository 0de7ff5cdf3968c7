package binding

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/moor-net/moor/netpoll"
)

// A Binding ties an object to the first Poll that it is registered with and
// remembers the registration. The zero value is blank: tied to none. It is
// embedded in the object that owns the descriptor and must not be copied.
//
// All methods may be called from any goroutine at any time; concurrent calls
// are all applied, in some order. None allocates, except the first ShareWith and
// what Windows needs for a registration.
//
// A second Poll is refused with netpoll.ErrOtherPoll, also after the object
// was deregistered or the first Poll closed, until Release.
type Binding struct {
	association association // what only some systems have to remember

	// state is 0 while the object is not registered, busy while a method
	// works on the binding, and otherwise the registration's Slot. Whoever
	// swaps busy in holds the former value and stores the new one.
	state atomic.Uint64

	poll   *netpoll.Poll // the Poll that the object belongs to, unless it has a family
	family *family       // shared with the object's duplicates, nil without any
}

// States that no Slot has.
const (
	busy       = 1
	handleSlot = 2 // registered with RegisterHandle of Windows, which needs no Slot
)

// A family is what an object and its duplicates have in common.
type family struct {
	association familyAssociation

	mu         sync.Mutex    // held by the member whose state is busy
	poll       *netpoll.Poll // the Poll that all belong to
	registered int           // members that are registered
}

// lock waits for calls in progress on other goroutines and returns the Slot of
// the registration, 0 for none. Such a call makes one system call at most, so
// giving way is enough.
func (b *Binding) lock() netpoll.Slot {
	for {
		if s := b.state.Load(); s != busy && b.state.CompareAndSwap(s, busy) {
			if b.family != nil {
				b.family.mu.Lock()
			}
			return netpoll.Slot(s)
		}
		runtime.Gosched()
	}
}

// unlock stores the Slot of the registration, 0 for none.
func (b *Binding) unlock(slot netpoll.Slot) {
	if b.family != nil {
		b.family.mu.Unlock()
	}
	b.state.Store(uint64(slot))
}

// owner returns where the Poll that the object belongs to is kept.
func (b *Binding) owner() **netpoll.Poll {
	if b.family != nil {
		return &b.family.poll
	}
	return &b.poll
}

// count adds n to the registered members of the family.
func (b *Binding) count(n int) {
	if b.family != nil {
		b.family.registered += n
	}
}

// RegisterSocket registers the object with p: see netpoll.Source for the
// arguments and errors. When it fails the binding stays as it was.
func (b *Binding) RegisterSocket(s BorrowedSocket, p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	fd, err := s.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	return b.register(fd, p, token, interest, opts)
}

// ReregisterSocket replaces token, interest and options of the object's
// registration: see netpoll.Source.
func (b *Binding) ReregisterSocket(s BorrowedSocket, p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	if _, err := s.acquire(); err != nil {
		return err
	}
	defer s.release()
	return b.reregister(p, token, interest, opts)
}

// DeregisterSocket ends the object's registration: see netpoll.Source. A
// socket that was closed without Forget before counts as deregistered, and the
// error matches os.ErrClosed.
func (b *Binding) DeregisterSocket(s BorrowedSocket, p *netpoll.Poll) error {
	if _, err := s.acquire(); err != nil {
		b.Forget()
		return err
	}
	defer s.release()
	return b.deregister(p)
}

func (b *Binding) register(fd uintptr, p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	slot := b.lock()
	defer func() { b.unlock(slot) }()
	owner := b.owner()
	if *owner != nil && *owner != p {
		return netpoll.ErrOtherPoll
	}
	if slot != 0 {
		return netpoll.ErrAlreadyRegistered
	}
	fresh, err := p.Attach(fd, token, interest, opts)
	if err != nil {
		return err
	}
	slot, *owner = fresh, p
	b.count(1)
	return nil
}

func (b *Binding) reregister(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	slot := b.lock()
	defer func() { b.unlock(slot) }()
	if err := b.check(p, slot, false); err != nil {
		return err
	}
	var err error
	slot, err = p.Update(slot, token, interest, opts)
	return err
}

func (b *Binding) deregister(p *netpoll.Poll) error {
	slot := b.lock()
	defer func() { b.unlock(slot) }()
	if err := b.check(p, slot, false); err != nil {
		return err
	}
	err := p.Detach(slot)
	slot = 0
	b.count(-1)
	return err
}

// check reports why an object with the registration slot can't be
// reregistered with or deregistered from p: as what RegisterHandle of Windows has
// registered, or as anything else.
func (b *Binding) check(p *netpoll.Poll, slot netpoll.Slot, handle bool) error {
	if owner := *b.owner(); owner != nil && owner != p {
		return netpoll.ErrOtherPoll
	}
	if slot == 0 || handle != (slot == handleSlot) {
		return netpoll.ErrNotRegistered
	}
	return nil
}

// Rearm says that an operation on the object, which is registered with
// netpoll.Edge, would block: see netpoll.Poll.Rearm. It returns an error that
// matches netpoll.ErrNotRegistered when the object is not registered, except
// where netpoll.NeedsRearm is false: there it does nothing.
func (b *Binding) Rearm(ready netpoll.Ready) error {
	if !netpoll.NeedsRearm {
		return nil
	}
	slot := b.lock()
	defer b.unlock(slot)
	if slot == 0 {
		return netpoll.ErrNotRegistered
	}
	return b.association.rearm(b, slot, ready)
}

// Forget ends the registration, if there is one, of an object that is closed
// next: it saves the system call of Deregister where closing does the work. No
// event of the registration is delivered afterwards.
//
// Use Deregister instead when a duplicate keeps the object open, such as one
// that was handed to another process.
func (b *Binding) Forget() {
	slot := b.lock()
	if slot != 0 {
		b.association.forget(b, slot) // fails only after a closed Poll has ended it
		b.count(-1)
	}
	b.unlock(0)
}

// Release makes the binding of a deregistered object blank, so that it can be
// registered with another Poll; bindings that are shared with duplicates are
// released together. It returns an error that matches
// netpoll.ErrAlreadyRegistered when the object or a duplicate is registered, and
// on Windows one that matches errors.ErrUnsupported when its operations complete
// on the Poll's port, which can't be undone.
func (b *Binding) Release() error {
	slot := b.lock()
	defer func() { b.unlock(slot) }()
	if slot != 0 || b.family != nil && b.family.registered != 0 {
		return netpoll.ErrAlreadyRegistered
	}
	if err := b.association.fixed(b); err != nil {
		return err
	}
	*b.owner() = nil
	return nil
}

// ShareWith makes dup, the blank binding of a new duplicate of the object,
// share the Poll of b: once either is registered with a Poll, all others are
// refused to both. Each has a registration of its own. It returns an error
// that matches netpoll.ErrAlreadyRegistered when dup is not blank.
func (b *Binding) ShareWith(dup *Binding) error {
	slot := b.lock()
	if b.family != nil {
		b.family.mu.Unlock() // only its address is needed
	}
	defer b.state.Store(uint64(slot))
	// Not waiting for dup excludes that two calls wait for each other.
	if !dup.state.CompareAndSwap(0, busy) {
		return netpoll.ErrAlreadyRegistered
	}
	defer dup.state.Store(0)
	if dup.poll != nil || dup.family != nil {
		return netpoll.ErrAlreadyRegistered
	}
	if b.family == nil {
		b.family = &family{poll: b.poll, association: b.shared()}
		b.poll = nil
		if slot != 0 {
			b.family.registered = 1
		}
	}
	dup.family = b.family
	return nil
}
