package netpoll

import (
	"github.com/moor-net/moor/internal/readyq"
)

// AttachNode registers a user-space source. It is what package registration is
// made of; the type of n is internal to this module, and programs use that
// package instead. It may be called from any goroutine, and fails like Attach,
// with an error that matches ErrOtherPoll when n belongs to another Poll, and
// with one that matches os.ErrClosed when n or p is closed.
func (p *Poll) AttachNode(n *readyq.Node, token Token, interest Ready, opts PollOpt) error {
	if err := check(token, opts); err != nil {
		return err
	}
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	return nodeError(n.Register(p.user, uint64(token), uint16(interest.reported()), opts&Edge != 0, opts&OneShot != 0))
}

// UpdateNode replaces token, interest and options of a user-space source: see
// AttachNode. An event of the old ones that was on its way is dropped; if the
// source is ready, a new one is queued.
func (p *Poll) UpdateNode(n *readyq.Node, token Token, interest Ready, opts PollOpt) error {
	if err := check(token, opts); err != nil {
		return err
	}
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	return nodeError(n.Reregister(p.user, uint64(token), uint16(interest.reported()), opts&Edge != 0, opts&OneShot != 0))
}

// DetachNode ends the registration of a user-space source: see AttachNode. Its
// token is not delivered any more.
func (p *Poll) DetachNode(n *readyq.Node) error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	return nodeError(n.Deregister(p.user))
}

// nodeError names what a node was refused for in the words of this package.
func nodeError(err error) error {
	switch err {
	case readyq.ErrRegistered:
		return ErrAlreadyRegistered
	case readyq.ErrNotRegistered:
		return ErrNotRegistered
	case readyq.ErrOtherQueue:
		return ErrOtherPoll
	}
	return err
}

// deliver stores up to most events of user-space sources.
func (p *Poll) deliver(events *Events, most int) {
	for ; most > 0; most-- {
		token, ready, ok := p.user.Next()
		if !ok {
			return
		}
		events.add(Token(token), Ready(ready))
	}
}

// wakeSleeper ends the wait of the Poll call in progress. Unlike Wake it does
// not make the call return: that is up to what the call finds.
func (p *Poll) wakeSleeper() error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	return p.sel.wake()
}
