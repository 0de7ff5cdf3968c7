package listener

import "github.com/moor-net/moor/internal/netfd"

// What tests need to see of the inside.

// FD is the descriptor of a connection in event mode.
func (c *EventConn) FD() *netfd.FD { return &c.fd }

// Tick lets a period of the sweep pass, without the sweep.
func (p *ParkListener) Tick() { p.tick.Add(1) }

// Mode is the word that the sweep looks at, and Idling says that it tells of an
// idle read in progress.
func (s *Session) Mode() (mode uint64, idling bool) {
	mode = s.mode.Load()
	return mode, mode&reading != 0
}

// Evict is what the sweep does when the grace period of the read that mode tells
// of is over.
func (s *Session) Evict(mode uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.evict(mode)
}

// WriteHalf is Write up to the moment at which pending output has crossed the high
// mark; cross is the rest.
func (c *EventConn) WriteHalf(p []byte) (cross func(), err error) {
	_, over, err := c.write(p)
	if over {
		cross = c.cross
	}
	return cross, err
}

// Resting reports whether nobody runs the connection and it is not to be read.
func (c *EventConn) Resting() bool { return c.state.Load()&(scheduled|armed) == 0 }
