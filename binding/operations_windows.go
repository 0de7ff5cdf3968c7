package binding

import (
	"sync"

	"golang.org/x/sys/windows"
)

// operations are those in progress on the handle or socket of one owner. Its
// Close cancels exactly these, not those of duplicates.
type operations struct {
	mu    sync.Mutex
	first *Overlapped
}

// add puts o into the list.
func (l *operations) add(o *Overlapped) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o.next = l.first
	if o.next != nil {
		o.next.previous = o
	}
	l.first = o
}

// remove takes o out of the list.
func (l *operations) remove(o *Overlapped) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.next != nil {
		o.next.previous = o.previous
	}
	if o.previous != nil {
		o.previous.next = o.next
	} else {
		l.first = o.next
	}
	o.next, o.previous = nil, nil
}

// close closes owned and cancels what is in progress. An operation leaves the
// list before it ends its use of the handle, so the handle is open here.
func (l *operations) close(owned *owned) error {
	if err := owned.mark(0); err != nil {
		return err
	}
	l.mu.Lock()
	for o := l.first; o != nil; o = o.next {
		windows.CancelIoEx(windows.Handle(owned.raw), o.op.Raw()) // fails when it is complete
	}
	l.mu.Unlock()
	return owned.release()
}

// A use keeps a handle or a socket open for an operation.
type use struct {
	raw        windows.Handle
	isSocket   bool
	owned      *owned      // nil when borrowed from a raw value
	operations *operations // of the owner
}

func (u *use) acquire() error {
	if u.owned == nil {
		return nil
	}
	_, err := u.owned.acquire()
	return err
}

func (u *use) release() {
	if u.owned != nil {
		u.owned.release()
	}
}
