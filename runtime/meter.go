package runtime

import (
	"time"

	"github.com/moor-net/moor/internal/mono"
)

// A meter measures how a loop keeps up. It belongs to whoever runs the loop,
// except that others read the durations.
//
// Looking at the clock costs as much as a small part of a request. So it is done
// for turns with jobs or many events, which are the long ones and share the
// cost among many; of the others one in a few is timed and counts for all.
type meter struct {
	begun   int64  // when the turn began, zero if it is not timed
	weight  uint64 // how many turns it counts for
	skipped uint64 // turns since one of few events was last timed
	turn    durations
	lag     durations
}

const (
	manyEvents  = 16 // in a turn that is timed
	sampleEvery = 16 // of the turns with fewer
)

// begin is called at the beginning of a turn of n events.
func (m *meter) begin(n int) {
	m.begun = 0
	if n >= manyEvents {
		m.weight = 1
	} else {
		if m.skipped++; m.skipped < sampleEvery {
			return
		}
		m.skipped, m.weight = 0, sampleEvery
	}
	m.begun = mono.Now()
}

// jobs is called before a turn's jobs are run, the first of which was posted at
// the moment since.
func (m *meter) jobs(since int64) {
	now := mono.Now()
	m.late(now - since)
	if m.begun == 0 {
		m.begun = now
	}
	m.weight = 1
}

// late is called when the loop does what was to be done so many nanoseconds ago.
func (m *meter) late(ns int64) { m.lag.add(time.Duration(ns), 1) }

// end is called at the end of a turn, or by whoever has taken the loop over.
func (m *meter) end() {
	if m.begun != 0 {
		m.turn.add(time.Duration(mono.Now()-m.begun), m.weight)
		m.begun = 0
	}
}
