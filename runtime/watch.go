package runtime

import (
	"errors"

	"github.com/moor-net/moor/internal/fdmutex"
)

// A Watcher is told by a Watch.
type Watcher interface {
	// Wake is called on the FD's loop, once for each time that the Watch was
	// set. It must not block: all other FDs of the loop wait for it.
	Wake()
}

// A Watch tells its Watcher that it is time to try a read or a write again. It
// is what serves an FD that no goroutine ever waits for: set it, and when Wake
// comes use TryRead or TryWrite until ErrAgain, and set it again.
//
// Unlike a Notice it asks the system nothing and need not be exact: Wake may
// come without anything to do. Between setting it and Wake, the side of the FD
// is the Watch's: nobody else may read, or write, in a way that waits. A Watch
// must not be copied.
type Watch struct {
	job job
}

// ErrAgain is returned by TryRead and TryWrite when going on would block.
var ErrAgain = errors.New("runtime: the operation would block")

// Init says whom w tells. It is called once, before anything else.
func (w *Watch) Init(x Watcher) { w.job.to = x }

// PostWatch calls the Wake of a Watch that is not set, on the loop and after
// everything that was posted before. On a loop that has ended it is called at
// once.
func (l *Loop) PostWatch(w *Watch) { l.post(&w.job) }

// WatchRead sets w. Wake is called when a read is worth trying, when the read
// deadline has passed and when the FD is closed; with the loop's next turn if
// a read is worth trying already. WatchRead returns net.ErrClosed or
// os.ErrDeadlineExceeded instead of setting w if there is nothing to wait for,
// and what the system said if it can't be made to tell.
func (fd *FD) WatchRead(w *Watch) error { return fd.watch(&fd.r, w) }

// WatchWrite is WatchRead for writes.
func (fd *FD) WatchWrite(w *Watch) error { return fd.watch(&fd.w, w) }

func (fd *FD) watch(s *side, w *Watch) error {
	if !s.announce(&w.job) {
		fd.Loop().post(&w.job)
		return nil
	}
	err := fd.ended(s)
	if err == nil {
		err = fd.watched(s)
	}
	if err != nil && s.withdraw() {
		return err
	}
	return nil // or somebody has noticed too, and Wake is on its way
}

// RouseRead makes a Watch that waits for reading tell its Watcher now, on the
// loop. It does nothing when none is set.
func (fd *FD) RouseRead() { fd.post(fd.r.rouse(0)) }

// ReadReady reports whether a read is worth trying.
func (fd *FD) ReadReady() bool { return fd.r.state.Load()&ready != 0 }

// TryRead is Read for callers that must not wait: it returns ErrAgain instead.
func (fd *FD) TryRead(p []byte) (n int, err error) {
	if err := fd.begin(fdmutex.Read); err != nil {
		return 0, err
	}
	if len(p) > 0 {
		err = fd.r.expired()
		for again := true; again && err == nil; {
			if fd.r.take() {
				n, again, err = fd.attemptRead(p)
			} else {
				err = ErrAgain
			}
		}
	}
	fd.end(fdmutex.Read)
	return n, err
}

// TryWrite is Write for callers that must not wait: when the system takes no
// more it returns how much it took, and ErrAgain.
func (fd *FD) TryWrite(p []byte) (n int, err error) {
	if err := fd.begin(fdmutex.Write); err != nil {
		return 0, err
	}
	err = fd.w.expired()
	for err == nil && n < len(p) {
		var taken int
		var again bool
		taken, again, err = fd.attemptWrite(p[n:])
		n += taken
		// An event may have come since the bit was last cleared.
		if again && !fd.w.take() {
			err = ErrAgain
		}
	}
	fd.end(fdmutex.Write)
	return n, err
}
