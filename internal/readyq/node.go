package readyq

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// What registering and setting a Node may be refused for.
var (
	ErrRegistered    = errors.New("readyq: already registered")
	ErrNotRegistered = errors.New("readyq: not registered")
	ErrOtherQueue    = errors.New("readyq: the node belongs to another queue")
	ErrClosed        = fmt.Errorf("registration: closed: %w", os.ErrClosed)
)

// A Node is a user-space source: a readiness that anyone may set, and a
// registration with at most one Queue. The zero Node is not registered. A Node
// may not be copied; its methods may be called from any goroutine.
type Node struct {
	word atomic.Uint64 // see type word

	// next links the node to the one pushed before it, then to the one to be
	// looked at after it. It belongs to the owner of the word's queued bit.
	next *Node

	// mu serialises delivery and everything that changes the registration, so
	// that an event never carries the token of another registration. Set does
	// not take it.
	mu    sync.Mutex
	token uint64 // guarded by mu

	// queue is the one of the first Register, for good. It is stored before
	// the word says enabled.
	queue atomic.Pointer[Queue]
}

// Readiness returns the last value set.
func (n *Node) Readiness() uint16 { return word(n.word.Load()).readiness() }

// Queue returns the queue that the node belongs to, nil before it was
// registered.
func (n *Node) Queue() *Queue { return n.queue.Load() }

// Set makes ready the node's readiness. What the caller wrote before is visible
// to whoever gets the event. It does nothing and returns ErrClosed after Close,
// or the queue's error after that was closed.
//
// The word is swapped even when it stays the same: the swap is what carries
// the caller's writes to the poller.
func (n *Node) Set(ready uint16) error {
	if q := n.queue.Load(); q != nil && q.closed.Load() {
		return q.errClosed
	}
	for {
		w := word(n.word.Load())
		if w&closed != 0 {
			return ErrClosed
		}
		next := w.set(ready)
		if n.word.CompareAndSwap(uint64(w), uint64(next)) {
			return n.pushIfNew(w, next)
		}
	}
}

// pushIfNew pushes the node when the change from w to next put it in the queue.
func (n *Node) pushIfNew(w, next word) error {
	if next&^w&queued == 0 {
		return nil
	}
	return n.queue.Load().push(n)
}

// Register registers the node with q: an event carries token and those bits
// of the readiness that are in mask, and there is none unless there is a
// common bit.
func (n *Node) Register(q *Queue, token uint64, mask uint16, edge, oneshot bool) error {
	return n.update(q, false, token, func(w word) word { return w.arm(mask, mode(edge, oneshot)) })
}

// Reregister replaces everything that Register said.
func (n *Node) Reregister(q *Queue, token uint64, mask uint16, edge, oneshot bool) error {
	return n.update(q, true, token, func(w word) word { return w.arm(mask, mode(edge, oneshot)) })
}

// Deregister ends the registration. An event that is owed is dropped.
func (n *Node) Deregister(q *Queue) error {
	return n.update(q, true, 0, word.disarm)
}

func mode(isEdge, isOneshot bool) word {
	var m word
	if isEdge {
		m |= edge
	}
	if isOneshot {
		m |= oneshot
	}
	return m
}

// update changes the registration, which must exist exactly when want is true.
func (n *Node) update(q *Queue, want bool, token uint64, change func(word) word) error {
	n.mu.Lock()
	w := word(n.word.Load())
	var err error
	switch owner := n.queue.Load(); {
	case w&closed != 0:
		err = ErrClosed
	case owner != nil && owner != q:
		err = ErrOtherQueue
	case want && w&registered == 0:
		err = ErrNotRegistered
	case !want && w&registered != 0:
		err = ErrRegistered
	}
	if err != nil {
		n.mu.Unlock()
		return err
	}
	n.queue.Store(q)
	n.token = token
	w, next := n.change(change)
	n.mu.Unlock()
	return n.pushIfNew(w, next)
}

// Close ends the registration, if there is one, and the node with it: an event
// that is owed is dropped, and whatever is called later returns ErrClosed.
func (n *Node) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	w, _ := n.change(func(w word) word { return w.disarm() | closed })
	if w&closed != 0 {
		return ErrClosed
	}
	return nil
}

// change applies f to the word and returns it before and after. n.mu is held.
func (n *Node) change(f func(word) word) (w, next word) {
	for {
		w = word(n.word.Load())
		next = f(w)
		if n.word.CompareAndSwap(uint64(w), uint64(next)) {
			return w, next
		}
	}
}

// deliver looks at a node that the poller fetched. ready is zero when there is
// no event; keep says that the node stays with the poller.
func (n *Node) deliver() (token uint64, ready uint16, keep bool) {
	n.mu.Lock()
	for {
		w := word(n.word.Load())
		next, ready := w.deliver()
		if next == w || n.word.CompareAndSwap(uint64(w), uint64(next)) {
			token = n.token
			n.mu.Unlock()
			return token, ready, next&queued != 0
		}
	}
}
