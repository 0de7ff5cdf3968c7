package registration

import "github.com/moor-net/moor/netpoll"

// A Registration is the end of a pair that is registered with a Poll. It is a
// netpoll.Source; its methods may be called from any goroutine.
type Registration struct {
	source
}

// A SetReadiness is the end of a pair that says what the Registration is ready
// for. Its methods may be called from any goroutine, and it may be copied; all
// copies mean the same Registration. The zero SetReadiness may not be used.
type SetReadiness struct {
	source *source
}

// New returns a pair that is not registered and ready for nothing.
func New() (*Registration, *SetReadiness) {
	pair := &struct {
		Registration
		SetReadiness
	}{}
	pair.SetReadiness.source = &pair.Registration.source
	return &pair.Registration, &pair.SetReadiness
}

// Close ends the Registration: an event that was not delivered yet is dropped,
// and Set has no effect any more. It need not be deregistered before. Closing
// twice returns an error that matches os.ErrClosed.
func (r *Registration) Close() error { return r.node.Close() }

// Set makes ready the Registration's readiness, and wakes the Poll that it is
// registered with if that sleeps and has asked for it; there is no system call
// otherwise. Before Register the value is kept. What the caller wrote to
// memory before is visible to the goroutine that gets the event.
//
// Set has no effect, and returns an error that matches os.ErrClosed, when the
// Registration or the Poll that it belongs to is closed. Otherwise an error
// means that the system refused to wake the Poll.
func (s *SetReadiness) Set(ready netpoll.Ready) error { return s.source.set(ready) }

// Readiness returns the last value set, whatever the Registration is
// registered for and whether or not an event has told it.
func (s *SetReadiness) Readiness() netpoll.Ready {
	return netpoll.Ready(s.source.node.Readiness())
}
