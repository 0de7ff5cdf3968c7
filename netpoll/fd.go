package netpoll

import (
	"sync"
	"sync/atomic"
)

// FD is a raw file descriptor (on Windows: a socket handle) as a Source. It is
// borrowed: a Poll never closes it. It remembers nothing, so it can't tell a
// second Poll apart from the first; package binding can.
type FD int

// Register implements Source. A number that was closed and opened again
// without Deregister counts as a new source.
func (fd FD) Register(p *Poll, token Token, interest Ready, opts PollOpt) error {
	p.fds.Lock()
	defer p.fds.Unlock()
	slot, err := p.attach(uintptr(fd), token, interest, opts)
	if err != nil {
		return err
	}
	p.fds.remove(p, uintptr(fd))
	p.fds.slots[uintptr(fd)] = slot
	p.fds.count.Add(1)
	return nil
}

// Reregister implements Source.
func (fd FD) Reregister(p *Poll, token Token, interest Ready, opts PollOpt) error {
	p.fds.Lock()
	defer p.fds.Unlock()
	slot, ok := p.fds.slots[uintptr(fd)]
	if !ok {
		return ErrNotRegistered
	}
	slot, err := p.Update(slot, token, interest, opts)
	p.fds.slots[uintptr(fd)] = slot
	return err
}

// Deregister implements Source.
func (fd FD) Deregister(p *Poll) error {
	p.fds.Lock()
	defer p.fds.Unlock()
	slot, ok := p.fds.slots[uintptr(fd)]
	if !ok {
		return ErrNotRegistered
	}
	delete(p.fds.slots, uintptr(fd))
	p.fds.count.Add(-1)
	return p.Detach(slot)
}

// Rearm says that an operation would block: see [Poll.Rearm].
func (fd FD) Rearm(p *Poll, ready Ready) error {
	if !needsRearm {
		return nil
	}
	p.fds.Lock()
	defer p.fds.Unlock()
	slot, ok := p.fds.slots[uintptr(fd)]
	if !ok {
		return ErrNotRegistered
	}
	return p.Rearm(slot, ready)
}

// fdSlots remembers for a Poll what FDs are registered.
type fdSlots struct {
	sync.Mutex
	slots map[uintptr]Slot
	count atomic.Int32 // of slots
}

// expire is called after a source of another kind was registered under the
// number fd: an FD of that number that was registered has been closed, or the
// system would have refused.
func (f *fdSlots) expire(p *Poll, fd uintptr) {
	if f.count.Load() == 0 {
		return
	}
	f.Lock()
	defer f.Unlock()
	f.remove(p, fd)
}

// remove forgets the registration under fd, if there is one. f is locked.
func (f *fdSlots) remove(p *Poll, fd uintptr) {
	if slot, ok := f.slots[fd]; ok {
		p.Forget(slot)
		delete(f.slots, fd)
		f.count.Add(-1)
	}
}
