package runtime

import (
	"sync/atomic"
	"time"

	"github.com/moor-net/moor/internal/mono"
)

// A meter measures how a loop keeps up. It belongs to whoever runs the loop,
// except that others read the durations, and when a turn in progress has begun.
//
// Looking at the clock costs as much as a small part of a request. So it is done
// for turns with jobs or many events, which are the long ones and share the
// cost among many; of the others one in a few is timed and counts for all, unless the
// last one took so long that the cost is nothing.
type meter struct {
	begun   atomic.Int64 // when the turn began, zero if it is not timed
	weight  uint64       // how many turns it counts for
	skipped uint64       // turns since one of few events was last timed
	long    bool         // the turn that was last timed was
	turn    durations
	lag     durations
}

const (
	manyEvents  = 16 // in a turn that is timed
	sampleEvery = 16 // of the turns with fewer
	longTurn    = 50 * time.Microsecond
)

// begin is called at the beginning of a turn of n events.
func (m *meter) begin(n int) {
	if n >= manyEvents || m.long {
		m.weight = 1
	} else {
		if m.skipped++; m.skipped < sampleEvery {
			return
		}
		m.skipped, m.weight = 0, sampleEvery
	}
	m.begun.Store(mono.Now())
}

// jobs is called before a turn's jobs are run, the first of which was posted at
// the moment since.
func (m *meter) jobs(since int64) {
	now := mono.Now()
	m.late(now - since)
	if m.begun.Load() == 0 {
		m.begun.Store(now)
	}
	m.weight = 1
}

// late is called when the loop does what was to be done so many nanoseconds ago.
func (m *meter) late(ns int64) { m.lag.add(time.Duration(ns), 1) }

// end is called at the end of a turn, or by whoever has taken the loop over. It
// returns the moment, or a negative number if the turn was not timed.
func (m *meter) end() int64 {
	begun := m.begun.Load()
	if begun == 0 {
		return -1
	}
	now := mono.Now()
	took := time.Duration(now - begun)
	m.long = took > longTurn
	m.begun.Store(0)
	m.turn.add(took, m.weight)
	return now
}

// spent returns how long turns have taken in all, at the moment now. Whoever asks while
// one ends may miss it until the next time.
func (m *meter) spent(now int64) int64 {
	sum := m.turn.sum.Load()
	if begun := m.begun.Load(); begun != 0 {
		sum += now - begun
	}
	return sum
}
