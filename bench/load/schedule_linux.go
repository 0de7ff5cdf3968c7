package load

import "time"

// A schedule says when requests are due at a fixed rate: on one connection
// after the other, burst requests each time.
type schedule struct {
	start  time.Duration
	every  time.Duration // between two bursts
	conns  int
	burst  int
	bursts int64 // that have become due
}

// newSchedule begins with the next message of each connection.
func newSchedule(cfg Config, now time.Duration, conns []conn) *schedule {
	burst := max(cfg.Burst, 1)
	for i := range conns {
		conns[i].first = conns[i].granted
	}
	return &schedule{
		start: now,
		every: time.Duration(burst) * time.Second / time.Duration(cfg.Rate),
		conns: len(conns),
		burst: burst,
	}
}

// due is when the next burst becomes due.
func (s *schedule) due() time.Duration { return s.start + time.Duration(s.bursts)*s.every }

// next returns the connection whose burst is the next, and goes on.
func (s *schedule) next() int {
	id := s.bursts % int64(s.conns)
	s.bursts++
	return int(id)
}

// dueAt is when message seq of a connection was due.
func (s *schedule) dueAt(c *conn, seq uint64) time.Duration {
	turn := (seq - c.first) / uint64(s.burst)
	return s.start + time.Duration(turn*uint64(s.conns)+uint64(c.id))*s.every
}
