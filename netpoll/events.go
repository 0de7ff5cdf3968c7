package netpoll

import "iter"

// An Event says that the source registered under a token is ready.
type Event struct {
	token Token
	ready Ready
}

// Token returns the token that the source is registered under.
func (e Event) Token() Token { return e.token }

// Readiness returns what the source is ready for, together with hints.
func (e Event) Readiness() Ready { return e.ready }

// Events is where Poll stores its answer. It is used by one goroutine at a
// time and may be used for any number of Poll calls.
type Events struct {
	list []Event // its capacity is what Poll fills at most
}

// NewEvents returns room for capacity events a call; at least one.
func NewEvents(capacity int) *Events {
	return &Events{list: make([]Event, 0, max(capacity, 1))}
}

// At returns the i'th event of the last Poll call, i < Len.
func (e *Events) At(i int) Event { return e.list[i] }

// All returns an iterator over the events of the last Poll call. A loop over it
// in a function literal may allocate; one over At never does.
func (e *Events) All() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for _, ev := range e.list {
			if !yield(ev) {
				return
			}
		}
	}
}

// Len returns the number of events of the last Poll call.
func (e *Events) Len() int { return len(e.list) }

// Cap returns the number of events that one Poll call stores at most.
func (e *Events) Cap() int { return cap(e.list) }

// clear empties e and makes room for an event in the zero Events.
func (e *Events) clear() {
	if e.list = e.list[:0]; cap(e.list) == 0 {
		e.list = make([]Event, 0, 1)
	}
}

func (e *Events) room() int { return cap(e.list) - len(e.list) }

func (e *Events) add(token Token, ready Ready) {
	e.list = append(e.list, Event{token, ready})
}
