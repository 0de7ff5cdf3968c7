package listener

import "time"

// place says which list a session is in. Both the listener's mutex and the
// session's are held when that changes.
type place uint8

const (
	listNone    place = iota
	listFresh         // new: before the first byte, in order of arrival
	listShaking       // new: in the handshake
	listParked
	listQueued  // for Accept
	listWatched // the server's, and lately idle
	lists
)

// A list links sessions by their own fields.
type list struct {
	first, last *Session
	n           int
}

func (l *list) add(s *Session) {
	s.prev, s.next = l.last, nil
	if l.last != nil {
		l.last.next = s
	} else {
		l.first = s
	}
	l.last = s
	l.n++
}

func (l *list) remove(s *Session) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		l.first = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		l.last = s.prev
	}
	s.prev, s.next = nil, nil
	l.n--
}

// put puts s into a list; both mutexes are held.
func (p *ParkListener) put(s *Session, to place) {
	switch s.list {
	case listNone:
	case listWatched:
		s.set(0, watched)
		fallthrough
	default:
		p.lists[s.list].remove(s)
	}
	s.list = to
	if to != listNone {
		p.lists[to].add(s)
	}
	if to == listWatched || to == listFresh && p.first > 0 {
		p.startTicking()
	}
}

// move is put for a caller that holds p.mu alone.
func (p *ParkListener) move(s *Session, to place) {
	s.mu.Lock()
	p.put(s, to)
	s.mu.Unlock()
}

// remove takes s out of its list.
func (p *ParkListener) remove(s *Session) {
	p.mu.Lock()
	p.move(s, listNone)
	p.mu.Unlock()
}

// watch makes sure that the sweep sees s.
func (p *ParkListener) watch(s *Session) {
	p.mu.Lock()
	s.mu.Lock()
	if s.state == serving {
		p.put(s, listWatched)
		s.set(watched, 0)
	}
	s.mu.Unlock()
	p.mu.Unlock()
}

// unwatch takes s off the sweep's list until its next idle read, unless that has
// just begun. Both mutexes are held.
func (p *ParkListener) unwatch(s *Session) {
	for {
		mode := s.mode.Load()
		if mode&reading != 0 {
			return
		}
		if s.mode.CompareAndSwap(mode, mode&^watched) {
			p.put(s, listNone)
			return
		}
	}
}

// The grace period and the wait for the first byte are counted in ticks of an
// eighth of the shorter one: an idle read costs a look at a counter, no timer
// and no clock. There are ticks while there is somebody to count for, but no more
// in a second than a server does not notice.
const (
	ticksPer     = 8
	shortestTick = 5 * time.Millisecond
)

func (p *ParkListener) period() time.Duration {
	d := p.grace
	if d <= 0 || p.first > 0 && p.first < d {
		d = p.first
	}
	return max(d/ticksPer, shortestTick)
}

// ticks returns the number of ticks after which d has passed for sure, the
// current one having begun at some time before.
func (p *ParkListener) ticks(d time.Duration) uint32 {
	period := p.period()
	return uint32((d+period-1)/period) + 1
}

// startTicking starts the timer if need be. p.mu is held.
func (p *ParkListener) startTicking() {
	if p.ticking {
		return
	}
	p.ticking = true
	if p.timer == nil {
		p.timer = time.AfterFunc(p.period(), p.sweep)
	} else {
		p.timer.Reset(p.period())
	}
}

// sweep is a tick: it ends the idle reads whose grace period is over and closes
// new connections that have sent nothing.
func (p *ParkListener) sweep() {
	now := p.tick.Add(1)
	grace, first := p.ticks(p.grace), p.ticks(p.first)
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := p.lists[listWatched].first; s != nil; {
		next := s.next
		switch mode := s.mode.Load(); {
		case mode&reading == 0:
			s.mu.Lock()
			p.unwatch(s)
			s.mu.Unlock()
		case mode&evicted == 0 && now-sinceOf(mode) >= grace:
			s.mu.Lock()
			s.evict(mode) // if it is another read by now, that one's time comes later
			s.mu.Unlock()
		}
		s = next
	}
	if p.first > 0 {
		for s := p.lists[listFresh].first; s != nil && now-sinceOf(s.mode.Load()) >= first; {
			next := s.next
			if s.end(waiting) {
				p.move(s, listNone)
				p.dead = append(p.dead, s)
			}
			s = next
		}
		p.startBurying()
	}
	p.ticking = false
	if p.lists[listWatched].n > 0 || p.first > 0 && p.lists[listFresh].n > 0 {
		p.startTicking()
	}
}
