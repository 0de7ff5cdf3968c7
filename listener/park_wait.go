package listener

import (
	"io"
	"net"
	"net/http"
)

// park takes a session back that the server has closed in order to park it. It
// reports false when the connection was or is to be closed instead.
func (p *ParkListener) park(s *Session) bool {
	return p.wait(s, left, listParked)
}

// wait makes s, whose state is from, wait for bytes in a list. It reports false
// when the connection was or is to be closed instead.
func (p *ParkListener) wait(s *Session, from state, in place) bool {
	p.mu.Lock()
	s.mu.Lock()
	if s.state != from {
		s.mu.Unlock()
		p.mu.Unlock()
		return false
	}
	if p.shut {
		s.state = closed
		p.put(s, listNone)
		s.mu.Unlock()
		p.mu.Unlock()
		s.shut()
		return false
	}
	s.state = waiting
	p.put(s, in)
	s.mode.Store(uint64(p.tick.Load()) << sinceShift)
	if in == listParked {
		p.parks++
	}
	s.mu.Unlock()
	p.mu.Unlock()
	s.FD().ForgetAddrs(&p.local)
	if err := s.FD().NotifyRead(&s.notice); err != nil {
		p.release(s, err)
	}
	return true
}

// waiter is a Session as its Notice sees it.
type waiter Session

// Notify is called on the connection's loop when the wait is over.
func (w *waiter) Notify(err error) {
	s := (*Session)(w)
	if err == nil && s.announced && s.tls() == nil && hasEnded(s.TCPConn) {
		err = io.EOF // nothing for the server to do
	}
	s.p.release(s, err)
}

// release ends the wait of s, which is readable if err is nil.
func (p *ParkListener) release(s *Session, err error) {
	switch {
	case err != nil:
		p.mu.Lock()
		if s.end(waiting) {
			p.move(s, listNone)
			p.dead = append(p.dead, s)
			p.startBurying()
		}
		p.mu.Unlock()
	case s.tls() != nil && !s.announced:
		p.mu.Lock()
		s.mu.Lock()
		ok := s.state == waiting
		if ok {
			s.state = shaking
			p.put(s, listShaking)
		}
		s.mu.Unlock()
		p.mu.Unlock()
		if ok {
			go p.handshake(s, s.tls().Conn)
		}
	default:
		p.ready(s, waiting)
	}
}

// ready gives s, whose state is from, to Accept.
func (p *ParkListener) ready(s *Session, from state) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != from {
		return // closed, and by whom it was is dealing with it
	}
	s.state = queued
	p.put(s, listQueued)
	p.arrival.Signal()
}

// end makes s, whose state is from, closed; the caller does the closing. It
// reports false when the state is another.
func (s *Session) end(from state) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != from {
		return false
	}
	s.state = closed
	return true
}

// bury arranges for the user's hook to be told that sessions have ended which
// the server did not have.
func (p *ParkListener) bury(dead ...*Session) {
	p.mu.Lock()
	p.dead = append(p.dead, dead...)
	p.startBurying()
	p.mu.Unlock()
}

// startBurying starts a goroutine for p.dead if need be. p.mu is held.
func (p *ParkListener) startBurying() {
	if len(p.dead) > 0 && !p.burying {
		p.burying = true
		go p.buryAll()
	}
}

// buryAll closes the dead, where that is not done, and has the user's hook told.
// Neither may be done on a loop, or where the server holds its mutex.
func (p *ParkListener) buryAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.dead) > 0 {
		dead := p.dead
		p.dead = nil
		p.mu.Unlock()
		for _, s := range dead {
			if s.tls() != nil {
				go s.shut() // it may wait to send its last words
			} else {
				s.shut()
			}
		}
		p.mu.Lock()
		if p.user.state != nil {
			p.untold = append(p.untold, dead...)
			p.startTelling()
		}
	}
	p.burying = false
}

// startTelling starts a goroutine for p.untold if need be: the hook may take its time,
// and nobody's end waits for that. p.mu is held.
func (p *ParkListener) startTelling() {
	if !p.telling {
		p.telling = true
		go p.tellAll()
	}
}

// tellAll tells the user's hook of the sessions that have ended.
func (p *ParkListener) tellAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.untold) > 0 {
		untold := p.untold
		p.untold = nil
		p.mu.Unlock()
		for _, s := range untold {
			if s.known {
				p.user.state(s.value(), http.StateClosed)
			}
		}
		p.mu.Lock()
	}
	p.telling = false
}

var _ net.Listener = (*ParkListener)(nil)
