package netpoll

import "strings"

// Ready is a set of readiness bits: what a source is registered for, and what
// an event says. Only Readable and Writable are portable; the others are hints
// that a system may or may not give.
type Ready uint16

const (
	Readable    Ready = 1 << iota // a read will not block: data, end of stream, a connection to accept, or an error
	Writable                      // a write will not block: space, or an error
	Error                         // hint: the source has failed; the next operation tells how
	Hup                           // hint: both directions are closed
	ReadClosed                    // hint: the peer sends no more
	WriteClosed                   // hint: the peer takes no more
	Priority                      // hint: urgent data
)

var readyNames = [...]string{"Readable", "Writable", "Error", "Hup", "ReadClosed", "WriteClosed", "Priority"}

// Contains reports whether every bit of other is in r.
func (r Ready) Contains(other Ready) bool { return r&other == other }

// known are the bits that mean something.
const known = Readable | Writable | Priority | hints

// hints are reported whether or not they were asked for.
const hints = Error | Hup | ReadClosed | WriteClosed

// reported returns the readiness that makes events for the interest r.
func (r Ready) reported() Ready {
	if r == 0 {
		return 0
	}
	return r | hints
}

// String returns the bits' names joined by " | ", or "(empty)".
func (r Ready) String() string {
	var names []string
	for i, name := range readyNames {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "(empty)"
	}
	return strings.Join(names, " | ")
}
