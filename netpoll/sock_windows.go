package netpoll

import (
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/internal/wheel"
)

// A sock is a socket that is watched. Its request to the driver, of which there
// is at most one, is in one of three states:
//
//	idle        none. Whatever is waited for is told by the next request.
//	pending     the kernel has the block, for the events in asked. It goes to idle
//	            when the packet is taken from the port.
//	cancelling  as pending, but the request was cancelled because more is to be
//	            waited for than it asks. Its packet comes all the same, and says
//	            that it was cancelled or, if that came too late, what it found.
//	            The next request begins then.
//
// One that was not added with asked has another, its guard, as long as it is
// registered. It asks for nothing but the socket's closing, which the first one
// can't tell while it is idle; the number may name another socket by then.
//
// The registration adds to that:
//
//	gone        it was removed, or forgotten, or the socket closed: the packet in
//	            flight, if there is one, is all that the sock is still there for.
//
// All fields are guarded by the selector's mutex.
type sock struct {
	watch
	base   windows.Handle // the driver's socket: see baseSocket
	afd    *afd           // what it is polled with
	block  *pollBlock     // the request's memory
	guard  *pollBlock     // the guard's, nil if it is not in progress
	number uint32         // names the sock in packets
	asked  afdEvents
	state  sockState
	gone   bool

	spent  bool // one-shot, and was reported
	again  bool // in the selector's list of level-triggered ones to be asked for
	hooked bool // the owner calls rearm

	// What was reported of an edge-triggered source, and is not waited for.
	// Without rearm it is forgotten after a while.
	told   Ready
	repeat *repeat
}

type sockState uint8

const (
	idle sockState = iota
	pending
	cancelling
)

// A repeat says when to forget what was told. Sources for which rearm is called
// have none.
type repeat struct {
	timer wheel.Timer[*sock]
	delay time.Duration
	asked int64 // moment that it was last forgotten
}

// closed reports whether the guard has found that the socket was closed. Its
// packet need not have been taken for that.
func (s *sock) closed() bool { return s.guard != nil && s.guard.found(afdClosed) }

// wanted returns what a request has to ask for.
func (s *sock) wanted() afdEvents {
	if s.gone || s.spent || s.again || s.told&(Error|Hup) != 0 {
		return 0
	}
	left := s.interest &^ s.told
	// A peer's end is told with what can be read, once.
	if s.told&ReadClosed != 0 {
		left &^= Readable | ReadClosed
	}
	// Of an owner that says what it waits for, the rest can wait.
	if s.hooked && left&(Readable|Writable) == 0 {
		return 0
	}
	return afdMask(left)
}

// set begins a registration, or a new one of the same socket.
func (s *sock) set(key uint64, interest Ready, opts PollOpt) {
	s.key, s.interest, s.opts = key, interest, opts
	s.told, s.spent, s.again = 0, false, false
	if opts&asked != 0 {
		s.hooked, s.told = true, interest
	}
}

// report takes the readiness that a request found and returns what is to be
// told, zero for nothing.
func (s *sock) report(ready Ready) Ready {
	if s.gone || s.spent || s.again {
		return 0 // asked for before that
	}
	ready &= s.interest.reported()
	if s.opts&Edge != 0 {
		if ready&^s.told == 0 {
			return 0
		}
		s.told |= ready
	}
	s.spent = ready != 0 && s.opts&OneShot != 0
	return ready
}
