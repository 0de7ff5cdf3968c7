package registration

import (
	"sync"
	"time"

	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/netpoll"
)

// A Timer is a netpoll.Source that becomes readable at a moment and stays so
// until Set, SetAfter or Stop. Its methods may be called from any goroutine.
// It runs on Go's timers: the event comes never early, and about as late as
// those.
type Timer struct {
	source

	mu    sync.Mutex
	timer *time.Timer // calls fire; nil until first needed
	due   int64       // mono's scale; 0 when stopped or fired
}

// NewTimer returns a Timer that is stopped.
func NewTimer() *Timer { return new(Timer) }

// Set makes the Timer readable at the moment at, or at once if that has
// passed, and not before; a moment set earlier is forgotten, and so is an
// event of it that was not delivered. The zero time stops the Timer. A time
// without a monotonic clock reading is converted when Set is called; setting
// the system's clock afterwards changes nothing.
//
// It returns an error that matches os.ErrClosed when the Timer, or the Poll
// that it belongs to, is closed.
func (t *Timer) Set(at time.Time) error {
	if at.IsZero() {
		_, err := t.stop()
		return err
	}
	return t.start(mono.At(at))
}

// SetAfter is Set for the moment d from now.
func (t *Timer) SetAfter(d time.Duration) error {
	return t.start(mono.After(max(d, 0)))
}

func (t *Timer) start(due int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due = 0 // what Go's timer may do until Reset is not for now
	left := mono.Until(due)
	if left == 0 {
		return t.set(netpoll.Readable)
	}
	if err := t.set(0); err != nil {
		return err
	}
	t.due = due
	if t.timer == nil {
		t.timer = time.AfterFunc(left, t.fire)
	} else {
		t.timer.Reset(left)
	}
	return nil
}

// fire runs when Go's timer expires. It may come late, after the Timer was set
// anew: then it is not for now, and the moment that is meant comes by itself.
func (t *Timer) fire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.due == 0 || mono.Now() < t.due {
		return
	}
	t.due = 0
	t.set(netpoll.Readable) // fails when the Poll is closed: nobody waits
}

// Stop forgets the moment and makes the Timer not readable; no event is
// delivered afterwards. It reports whether the moment was still to come.
func (t *Timer) Stop() bool {
	pending, _ := t.stop()
	return pending
}

func (t *Timer) stop() (pending bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	pending, t.due = t.due != 0, 0
	if t.timer != nil {
		t.timer.Stop()
	}
	return pending, t.set(0)
}

// Close stops the Timer for good; it need not be deregistered before. Closing
// twice returns an error that matches os.ErrClosed.
func (t *Timer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due = 0
	if t.timer != nil {
		t.timer.Stop()
	}
	return t.node.Close()
}
