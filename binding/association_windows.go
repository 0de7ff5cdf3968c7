package binding

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/internal/readyq"
	"github.com/moor-net/moor/netpoll"
)

// association is what a Binding remembers of an object with operations that
// complete on its Poll's port.
type association struct {
	// completions is what RegisterHandle registers, from the first time on.
	completions *completions
	ported      ported // unless the object has a family
}

// ported says that the object's operations complete on the Poll's port, for
// good. Duplicates share that.
type ported bool

type familyAssociation = ported

// completions is the user-space source that stands for a handle: what
// operations have completed since they were last begun.
type completions struct {
	node  readyq.Node
	mu    sync.Mutex
	ready netpoll.Ready
}

// set adds readiness, and makes an event if it is wanted.
func (c *completions) set(ready netpoll.Ready) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready |= ready
	c.node.Set(uint16(c.ready)) // fails when nobody wants to know any more
}

// clear takes readiness back.
func (c *completions) clear(ready netpoll.Ready) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready&ready != 0 {
		c.ready &^= ready
		c.node.Set(uint16(c.ready))
	}
}

// RegisterHandle associates a handle, which was opened for overlapped
// operations, with p's port, and registers the completions of its operations
// with p: see netpoll.Source for the arguments and errors. An operation that
// completes makes the object ready for what its Overlapped says, until the next
// one that says so begins.
//
// When it fails the binding stays as it was. The system refuses handles that are
// not for overlapped operations, and those that have a port already, with
// ERROR_INVALID_PARAMETER.
func (b *Binding) RegisterHandle(h BorrowedHandle, p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	raw, err := h.acquire()
	if err != nil {
		return err
	}
	defer h.release()
	slot := b.lock()
	defer func() { b.unlock(slot) }()
	owner := b.owner()
	if *owner != nil && *owner != p {
		return netpoll.ErrOtherPoll
	}
	if slot != 0 {
		return netpoll.ErrAlreadyRegistered
	}
	c := b.association.completions
	if c == nil {
		c = new(completions)
	}
	if err := p.AttachNode(&c.node, token, interest, opts); err != nil {
		return err
	}
	if err := b.associate(p, raw); err != nil {
		p.DetachNode(&c.node)
		return err
	}
	b.association.completions = c
	slot, *owner = handleSlot, p
	b.count(1)
	return nil
}

// associate makes the object's operations complete on p's port. b is locked.
func (b *Binding) associate(p *netpoll.Poll, raw uintptr) error {
	done := b.isPorted()
	if *done {
		return nil
	}
	err := p.AssociateHandle(windows.Handle(raw))
	*done = err == nil
	return err
}

// isPorted returns where it is kept that the object has a port. b is locked.
func (b *Binding) isPorted() *ported {
	if b.family != nil {
		return &b.family.association
	}
	return &b.association.ported
}

// ReregisterHandle replaces token, interest and options of the registration:
// see netpoll.Source.
func (b *Binding) ReregisterHandle(h BorrowedHandle, p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	if _, err := h.acquire(); err != nil {
		return err
	}
	defer h.release()
	slot := b.lock()
	defer func() { b.unlock(slot) }()
	if err := b.check(p, slot, true); err != nil {
		return err
	}
	return p.UpdateNode(&b.association.completions.node, token, interest, opts)
}

// DeregisterHandle ends the registration: see netpoll.Source. Operations in
// progress go on, but make no event any more, and no others can be begun. A
// handle that was closed without Forget before counts as deregistered, and the
// error matches os.ErrClosed.
func (b *Binding) DeregisterHandle(h BorrowedHandle, p *netpoll.Poll) error {
	if _, err := h.acquire(); err != nil {
		b.Forget()
		return err
	}
	defer h.release()
	slot := b.lock()
	defer func() { b.unlock(slot) }()
	if err := b.check(p, slot, true); err != nil {
		return err
	}
	err := p.DetachNode(&b.association.completions.node)
	slot = 0
	b.count(-1)
	return err
}

func (*association) rearm(b *Binding, slot netpoll.Slot, ready netpoll.Ready) error {
	if slot == handleSlot {
		return nil // what completes next makes an event anyway
	}
	return (*b.owner()).Rearm(slot, ready)
}

func (a *association) forget(b *Binding, slot netpoll.Slot) error {
	if slot == handleSlot {
		return (*b.owner()).DetachNode(&a.completions.node)
	}
	return (*b.owner()).Forget(slot)
}

var errPorted = fmt.Errorf("binding: the port of a handle can't be changed: %w", errors.ErrUnsupported)

// fixed reports why the object can't belong to another Poll.
func (*association) fixed(b *Binding) error {
	if *b.isPorted() {
		return errPorted
	}
	return nil
}

// shared returns what duplicates of the object will share.
func (b *Binding) shared() familyAssociation { return b.association.ported }
