package runtime

import (
	"os"
	"time"

	"github.com/moor-net/moor/internal/mono"
	"github.com/moor-net/moor/internal/wheel"
)

// Setting a deadline stores a number. Only a call that is blocked has an entry
// in the loop's wheel. The entry stays there after the call has returned and is
// looked at when its time comes: the next blocked call most likely has a later
// deadline and finds it in place.

// SetDeadline sets both directions' deadlines: see net.Conn.
func (fd *FD) SetDeadline(t time.Time) error { return fd.setDeadline(t, &fd.r, &fd.w) }

// SetReadDeadline sets the deadline of reads and accepts: see net.Conn. It
// applies to a call that is blocked already.
func (fd *FD) SetReadDeadline(t time.Time) error { return fd.setDeadline(t, &fd.r, nil) }

// SetWriteDeadline sets the deadline of writes: see net.Conn. It applies to a
// call that is blocked already.
func (fd *FD) SetWriteDeadline(t time.Time) error { return fd.setDeadline(t, nil, &fd.w) }

func (fd *FD) setDeadline(t time.Time, r, w *side) error {
	var at int64
	if !t.IsZero() {
		at = mono.At(t)
	}
	// Most of what net/http sets is none, over and over. Whoever has set it to
	// the same moment before has told those who wait.
	if (r == nil || r.deadline.Load() == at) && (w == nil || w.deadline.Load() == at) && !fd.mu.Closed() {
		return nil
	}
	if err := fd.ref(); err != nil {
		return err
	}
	if r != nil {
		fd.setSide(r, at)
	}
	if w != nil {
		fd.setSide(w, at)
	}
	fd.unref()
	return nil
}

// ReadDeadline returns the deadline of reads on package mono's scale, zero for
// none.
func (fd *FD) ReadDeadline() int64 { return fd.r.deadline.Load() }

// SwapReadDeadline sets the deadline of reads on package mono's scale if it is
// old, and reports whether it was. It applies to a call that is blocked.
func (fd *FD) SwapReadDeadline(old, at int64) bool {
	if fd.ref() != nil {
		return false
	}
	defer fd.unref()
	if !fd.r.deadline.CompareAndSwap(old, at) {
		return false
	}
	fd.noticeDeadline(&fd.r, at)
	return true
}

// setSide stores before it looks for a waiter, and wait announces before it
// looks at the deadline: one of them sees the other.
func (fd *FD) setSide(s *side, at int64) {
	s.deadline.Store(at)
	fd.noticeDeadline(s, at)
}

// noticeDeadline makes a call that is blocked notice its new deadline.
func (fd *FD) noticeDeadline(s *side, at int64) {
	if s.state.Load()&occupied == 0 || at == 0 {
		return
	}
	if at <= mono.Now() {
		fd.post(s.rouse(0))
	} else {
		fd.arm(s, at)
	}
}

// expired returns the error of a call on s whose deadline has passed.
func (s *side) expired() error {
	if at := s.deadline.Load(); at != 0 && at <= mono.Now() {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// timer returns the side's wheel entry, making it at the first use.
func (fd *FD) timer(s *side) *wheel.Timer[*side] {
	t := fd.timers.Load()
	if t == nil {
		t = new(timers)
		t.r.Owner = &fd.r
		if !fd.timers.CompareAndSwap(nil, t) {
			t = fd.timers.Load()
		}
	}
	if s == &fd.r {
		return &t.r
	}
	w := t.w.Load()
	if w == nil {
		w = &wheel.Timer[*side]{Owner: &fd.w}
		if !t.w.CompareAndSwap(nil, w) {
			w = t.w.Load()
		}
	}
	return w
}

// arm makes the wheel look at s at the moment at or before.
func (fd *FD) arm(s *side, at int64) {
	t := fd.timer(s)
	for !fd.Loop().arm(fd, t, at) { // the FD has moved
	}
}

// disarm takes the FD's entries out of the wheel, which would otherwise keep
// a closed FD in memory until its deadline.
func (fd *FD) disarm() {
	l := fd.Loop()
	l.mu.Lock()
	l.disarm(fd)
	l.mu.Unlock()
}
