package netpoll

// FD is a raw file descriptor (on Windows: a socket handle) as a Source. It is
// borrowed: a Poll never closes it. It remembers nothing, so it can't tell a
// second Poll apart from the first; package binding can.
type FD int

// Register implements Source. A number that was closed and opened again
// without Deregister counts as a new source.
func (fd FD) Register(p *Poll, token Token, interest Ready, opts PollOpt) error {
	p.fds.Lock()
	defer p.fds.Unlock()
	slot, err := p.Attach(uintptr(fd), token, interest, opts)
	if err != nil {
		return err
	}
	if old, ok := p.fds.slots[fd]; ok {
		// The system did not know the descriptor any more: it was closed.
		p.Forget(old)
	}
	p.fds.slots[fd] = slot
	return nil
}

// Reregister implements Source.
func (fd FD) Reregister(p *Poll, token Token, interest Ready, opts PollOpt) error {
	p.fds.Lock()
	defer p.fds.Unlock()
	slot, ok := p.fds.slots[fd]
	if !ok {
		return ErrNotRegistered
	}
	slot, err := p.Update(slot, token, interest, opts)
	p.fds.slots[fd] = slot
	return err
}

// Deregister implements Source.
func (fd FD) Deregister(p *Poll) error {
	p.fds.Lock()
	defer p.fds.Unlock()
	slot, ok := p.fds.slots[fd]
	if !ok {
		return ErrNotRegistered
	}
	delete(p.fds.slots, fd)
	return p.Detach(slot)
}

// Rearm says that an operation would block: see [Poll.Rearm].
func (fd FD) Rearm(p *Poll, ready Ready) error {
	if !needsRearm {
		return nil
	}
	p.fds.Lock()
	defer p.fds.Unlock()
	slot, ok := p.fds.slots[fd]
	if !ok {
		return ErrNotRegistered
	}
	return p.Rearm(slot, ready)
}
