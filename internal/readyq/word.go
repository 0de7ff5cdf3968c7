package readyq

// A word is the state of a Node that changes without a lock. It says what the
// source is ready for, what it is registered for, and where the node is:
//
//	bits  0..15  readiness   the last value set
//	bits 16..31  mask        the readiness that makes an event; 0: none does
//	bit  32      registered  from Register until Deregister or Close
//	bit  33      enabled     registered, and not a one-shot that was delivered
//	bit  34      edge        an event per Set, not one per round
//	bit  35      oneshot     delivery ends enabled
//	bit  36      pending     an event is owed
//	bit  37      queued      the node is in the queue or in the poller's hands
//	bit  38      closed      for good
//
// Who may change what:
//
//   - Set changes readiness, pending, and queued from 0 to 1.
//   - The poller changes enabled and pending, and queued from 1 to 0. It holds
//     the node's lock.
//   - Register, Reregister, Deregister and Close change everything but
//     readiness, and queued from 0 to 1 only. They hold the node's lock.
//
// pending implies enabled and queued, and is 0 unless readiness and mask have
// a bit in common. Whoever changes queued from 0 to 1 owns the node's link from
// then on and pushes the node; the poller owns the link from fetching the node
// until it changes queued back. Every change is a compare-and-swap from the
// word that the decision was made on: a change in between is seen and the
// decision made anew.
type word uint64

const maskShift = 16

const (
	registered word = 1 << (32 + iota)
	enabled
	edge
	oneshot
	pending
	queued
	closed
)

func (w word) readiness() uint16 { return uint16(w) }

// wanted returns the part of the readiness that makes an event.
func (w word) wanted() uint16 { return uint16(w) & uint16(w>>maskShift) }

// owe makes pending and queued follow from the rest: an event is owed when the
// node is enabled and ready, and then the node must be in the queue.
func (w word) owe() word {
	if w&enabled != 0 && w.wanted() != 0 {
		return w | pending | queued
	}
	return w &^ pending
}

// set is the word after Set(ready). Setting the same value again owes an event
// again; setting another one before delivery takes the owed event back or
// replaces it.
func (w word) set(ready uint16) word {
	return (w&^0xffff | word(ready)).owe()
}

// arm is the word after Register or Reregister: what is ready by then fires,
// what was owed before and is not wanted any more does not. mode holds edge
// and oneshot.
func (w word) arm(mask uint16, mode word) word {
	kept := w & (0xffff | queued)
	return (kept | word(mask)<<maskShift | mode | registered | enabled).owe()
}

// disarm is the word after Deregister.
func (w word) disarm() word { return w & (0xffff | queued | closed) }

// deliver is the word after the poller looked at a node that it fetched, and
// the event, none when zero. If queued is still set the poller keeps the node
// and looks again in the next round.
func (w word) deliver() (word, uint16) {
	switch {
	case w&pending == 0:
		return w &^ queued, 0
	case w&oneshot != 0:
		return w &^ (enabled | pending | queued), w.wanted()
	case w&edge != 0:
		return w &^ (pending | queued), w.wanted()
	default:
		return w, w.wanted()
	}
}
