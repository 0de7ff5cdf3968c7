package netpoll

import "errors"

// Token is the caller's name for a registration; events carry it.
// [ReservedToken] may not be used.
type Token uint64

// ReservedToken is the one token that names the Poll's own wake-up.
const ReservedToken = ^Token(0)

// A Source can be registered with a Poll. Programs call the methods of Poll,
// which call these exactly once each and return their errors unchanged. An
// implementation passes the calls on to what it is made of: an [FD], a
// Binding of package binding, or a Registration of package registration.
//
// Implementations must be safe for concurrent use, also while another
// goroutine is blocked in Poll.
type Source interface {
	// Register ties the source to p. It returns an error that matches
	// ErrAlreadyRegistered when it is registered, ErrOtherPoll when it
	// belongs to another Poll.
	Register(p *Poll, token Token, interest Ready, opts PollOpt) error
	// Reregister replaces token, interest and options. It returns an error
	// that matches ErrNotRegistered when the source is not registered.
	Reregister(p *Poll, token Token, interest Ready, opts PollOpt) error
	// Deregister ends the registration; afterwards no event with its token
	// is delivered. It returns an error that matches ErrNotRegistered when
	// the source is not registered.
	Deregister(p *Poll) error
}

// Errors that registering returns, on every system alike. All come wrapped or
// bare: compare with errors.Is. A closed Poll answers with an error that
// matches os.ErrClosed.
var (
	ErrAlreadyRegistered = errors.New("netpoll: already registered")
	ErrNotRegistered     = errors.New("netpoll: not registered")
	ErrOtherPoll         = errors.New("netpoll: the source belongs to another Poll")
	ErrReservedToken     = errors.New("netpoll: the token is reserved")
	ErrInvalidOptions    = errors.New("netpoll: Edge and Level exclude each other")
)

// ErrStrayPacket is returned by Poll, once and without events, when an operation
// has completed that was begun behind the Poll's back: with an OVERLAPPED of the
// program's own, on a handle that belongs to the Poll. Nothing else is wrong
// with the Poll. Only Windows has such operations.
var ErrStrayPacket = errors.New("netpoll: an operation has completed that nobody has begun with this Poll")

// check refuses what no registration may ask for.
func check(token Token, opts PollOpt) error {
	if token == ReservedToken {
		return ErrReservedToken
	}
	if !opts.valid() {
		return ErrInvalidOptions
	}
	return nil
}
