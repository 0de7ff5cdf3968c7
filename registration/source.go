package registration

import (
	"github.com/moor-net/moor/internal/readyq"
	"github.com/moor-net/moor/netpoll"
)

// source is what Registration, Timer and Channel have in common: they are a
// netpoll.Source.
type source struct {
	node readyq.Node
}

// Register implements netpoll.Source. It fires at once if the source is ready.
// It returns an error that matches netpoll.ErrAlreadyRegistered,
// netpoll.ErrOtherPoll, netpoll.ErrReservedToken or netpoll.ErrInvalidOptions,
// or os.ErrClosed when the source or p is closed.
func (s *source) Register(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return p.AttachNode(&s.node, token, interest, opts)
}

// Reregister implements netpoll.Source. It replaces token, interest and
// options, drops an event of the old ones, re-arms a one-shot, and fires at
// once if the source is ready. It returns an error that matches
// netpoll.ErrNotRegistered, or one as Register.
func (s *source) Reregister(p *netpoll.Poll, token netpoll.Token, interest netpoll.Ready, opts netpoll.PollOpt) error {
	return p.UpdateNode(&s.node, token, interest, opts)
}

// Deregister implements netpoll.Source. The readiness stays, and counts when
// the source is registered again. It returns an error that matches
// netpoll.ErrNotRegistered, netpoll.ErrOtherPoll or os.ErrClosed.
func (s *source) Deregister(p *netpoll.Poll) error { return p.DetachNode(&s.node) }

func (s *source) set(ready netpoll.Ready) error { return s.node.Set(uint16(ready)) }
