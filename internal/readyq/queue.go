// Package readyq is the readiness queue of a Poll: user-space sources, set
// from anywhere, wait in it for the one goroutine that polls.
//
// It is a list of nodes with links of their own, so that setting a source
// allocates nothing, and one word that says both what was pushed and whether
// the poller sleeps. Whoever sets a source learns from the same atomic
// operation that publishes it whether there is anyone to wake.
package readyq

import "sync/atomic"

// A Queue collects Nodes that are ready. Any goroutine may push, through Set
// and Register of a Node; the methods of the poller are for one goroutine at a
// time.
type Queue struct {
	wake      func() error
	errClosed error
	closed    atomic.Bool // read at every Set, written once

	_ [64]byte // keeps pushes from slowing down those who only read above

	// head is the newest node pushed; its links lead to the older ones. It is
	// one of
	//
	//	nil      nothing was pushed, the poller is awake
	//	&asleep  nothing was pushed, the poller sleeps or is about to
	//	&gone    nobody will ever look again
	//	a node   pushed and not fetched; the poller is awake or was woken
	//
	// Only the poller stores &asleep, and only in the place of nil: it never
	// goes to sleep on a node. Whoever replaces &asleep wakes it, so that one
	// sleep is ended by one wake.
	head    atomic.Pointer[Node]
	wakeups atomic.Uint64

	// The poller's.
	fetched list // to be looked at, oldest first
	kept    list // looked at in this round, and still ready
}

var asleep, gone Node

// New returns an empty Queue. wake makes the poller return from its wait, or
// else from the next one; errClosed is what a Set returns after Close.
func New(wake func() error, errClosed error) *Queue {
	return &Queue{wake: wake, errClosed: errClosed}
}

// push publishes n, whose queued bit the caller has just set, and wakes the
// poller if it sleeps.
func (q *Queue) push(n *Node) error {
	for {
		old := q.head.Load()
		switch old {
		case &gone:
			n.next = nil // of an attempt before
			return q.errClosed
		case &asleep:
			n.next = nil
		default:
			n.next = old
		}
		if !q.head.CompareAndSwap(old, n) {
			continue
		}
		if old != &asleep {
			return nil
		}
		q.wakeups.Add(1)
		return q.wake()
	}
}

// Wakeups returns how often a sleeping poller was woken.
func (q *Queue) Wakeups() uint64 { return q.wakeups.Load() }

// Close makes every later Set of the queue's nodes return the queue's error.
func (q *Queue) Close() { q.closed.Store(true) }

// Discard lets go of all nodes and unlinks them from each other. It comes after
// Close, and the poller's methods are not called any more.
func (q *Queue) Discard() {
	if pushed := q.head.Swap(&gone); pushed != &asleep {
		q.fetched.appendReversed(pushed)
	}
	q.EndRound()
	for !q.fetched.empty() {
		q.fetched.shift()
	}
}

// Fetch begins a round, or ends a sleep: it takes over what was pushed, and
// reports whether there are nodes to look at. When there are none and sleep is
// true, the poller counts as asleep until it calls Fetch again: it must look
// for other events and wait for a wake.
func (q *Queue) Fetch(sleep bool) bool {
	for {
		if q.head.Load() != nil {
			if pushed := q.head.Swap(nil); pushed != &asleep {
				q.fetched.appendReversed(pushed)
			}
		}
		if !q.fetched.empty() {
			return true
		}
		if !sleep || q.head.CompareAndSwap(nil, &asleep) {
			return false
		}
	}
}

// Next returns the next event of this round. Level-triggered nodes that it
// returned come again in the next round, behind the others.
func (q *Queue) Next() (token uint64, ready uint16, ok bool) {
	for !q.fetched.empty() {
		n := q.fetched.shift()
		token, ready, keep := n.deliver() // n is another's from here on, unless kept
		if keep {
			q.kept.append(n)
		}
		if ready != 0 {
			return token, ready, true
		}
	}
	return 0, 0, false
}

// EndRound ends a round: level-triggered nodes go to the tail.
func (q *Queue) EndRound() {
	q.fetched.join(&q.kept)
}
