package readyq

import "fmt"

// The model of the protocol between Set, registering and the poller: every
// atomic step of node.go and queue.go is one step here, and explore tries all
// orders in which the steps of some goroutines can happen. The changes of the
// state word are the real ones of word.go.
//
// A fault changes one thing, such as the order of two stores. Every fault must
// be found by some scenario: it shows that the model sees what it is for.
type fault int

const (
	noFault             fault = iota
	sleepLooksThenLeaps       // the poller looks for nodes, then stores the marker
	sleepNeverLooks           // the poller stores the marker whatever was pushed
	neverWakes                // whoever replaces the marker wakes nobody
	wakesBeforePush           // the sleeper is woken before the node is there
	markerStays               // the poller does not take the marker back on waking
	forgetsWake               // the poller clears an early wake after publishing the marker
	queuedAfterPush           // the queued bit is set when the node is in the queue
	linkAfterPush             // the link to the older nodes is written after the push
	linkReadLate              // the poller reads the link after giving the node up
	giveUpBlindly             // the poller stores the word that it decided on
	pushWhenPending           // whoever makes an event owed pushes, queued or not
	sameValueIsNothing        // Set of the value that is there already does nothing
	setBlindly                // Set stores the word that it decided on
	deliverUnlocked           // the poller reads the token without the lock
	tokenAfterWord            // registering writes the token last, unlocked
	faults
)

var faultNames = [faults]string{"none", "sleepLooksThenLeaps", "sleepNeverLooks", "neverWakes",
	"wakesBeforePush", "markerStays", "forgetsWake", "queuedAfterPush", "linkAfterPush", "linkReadLate",
	"giveUpBlindly", "pushWhenPending", "sameValueIsNothing", "setBlindly", "deliverUnlocked", "tokenAfterWord"}

// A ref is a node's index plus one, nobody, or sleeper.
type ref int8

const (
	nobody  ref = 0
	sleeper ref = -1

	modelNodes   = 2
	modelThreads = 3
)

// What a goroutine does, one after the other.
type action struct {
	do    byte // 's' Set, 'r' Register or Reregister, 'd' Deregister, 'c' Close
	node  ref
	ready uint16 // of Set
	mask  uint16 // of Register
	mode  word
	token int8
}

type modelNode struct {
	word   word
	next   ref
	token  int8
	locked bool

	// What the contract says, stated without the word.
	ready   uint16
	mask    uint16
	mode    word
	live    int8 // the token that may be delivered, 0: none
	armed   bool
	unseen  bool // an event is due for something that happened
	arrived bool // an event came since the last change
}

type modelThread struct {
	at  int8 // index of the action, len: finished
	pc  byte
	w   word
	old ref
}

type modelPoller struct {
	pc      byte
	hand    ref
	w       word
	token   int8
	first   ref
	last    ref
	kept    ref // first of the kept ones
	keptEnd ref
	wakes   int8 // of the present sleep
	asleep  bool
	spurs   int8 // wake-ups without a reason that are still allowed
}

type machine struct {
	node [modelNodes]modelNode
	head ref
	flag bool // the selector was woken and has not waited since
	thr  [modelThreads]modelThread
	poll modelPoller
}

type scenario struct {
	name    string
	start   [modelNodes]action // a Register, or nothing
	threads [][]action
}

// run is one exploration.
type run struct {
	sc    scenario
	fault fault
}

type violation string

func (m *machine) at(r ref) *modelNode { return &m.node[r-1] }

func fail(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

// occurred notes that n changed: what the contract demands from now on.
func (n *modelNode) occurred() {
	n.unseen = n.armed && n.ready&n.mask != 0
	n.arrived = false
}

// observe notes an event, or none, at the moment the poller decides.
func (n *modelNode) observe(token int8, ready uint16) {
	if ready == 0 {
		if n.unseen {
			fail("the poller gave up a node whose event is due")
		}
		return
	}
	switch {
	case n.live == 0 || token != n.live:
		fail("token %d delivered, registered is %d", token, n.live)
	case !n.armed:
		fail("one-shot delivered twice")
	case ready != n.ready&n.mask:
		fail("event %#x for readiness %#x and mask %#x", ready, n.ready, n.mask)
	case n.mode&edge != 0 && !n.unseen:
		fail("an edge fired twice")
	}
	n.arrived = true
	if n.mode&oneshot != 0 {
		n.armed = false
	}
	if n.mode&(edge|oneshot) != 0 {
		n.unseen = false
	}
}

// step lets goroutine i do its next step. It reports false when it can't.
func (r *run) step(m *machine, i int) bool {
	t := &m.thr[i]
	script := r.sc.threads[i]
	if int(t.at) == len(script) {
		return false
	}
	a := script[t.at]
	n := m.at(a.node)
	switch t.pc {
	case 0:
		if a.do != 's' {
			return r.register(m, t, a)
		}
		t.w, t.pc = n.word, 1
		if t.w&closed != 0 {
			t.finish()
		} else if r.fault == sameValueIsNothing && t.w.readiness() == a.ready {
			n.ready = a.ready
			n.occurred()
			t.finish()
		}
	case 1: // Set: swap the word
		if n.word != t.w && r.fault != setBlindly {
			t.pc = 0
			break
		}
		next := t.w.set(a.ready)
		n.ready = a.ready
		n.occurred()
		r.swap(t, n, next)
	case 2, 3, 4, 5, 6:
		r.push(m, t, a.node)
	default:
		return r.register(m, t, a)
	}
	return true
}

func (t *modelThread) finish() { *t = modelThread{at: t.at + 1} }

// swap stores the word and goes on with the push, if one is due.
func (r *run) swap(t *modelThread, n *modelNode, next word) {
	due := next&^t.w&queued != 0
	if r.fault == pushWhenPending {
		due = next&^t.w&pending != 0
	}
	n.word = next
	if !due {
		t.finish()
		return
	}
	if r.fault == queuedAfterPush {
		n.word &^= queued
	}
	t.pc = 2
}

// push is Queue.push.
func (r *run) push(m *machine, t *modelThread, self ref) {
	n := m.at(self)
	switch t.pc {
	case 2: // look at the head
		t.old, t.pc = m.head, 3
		if r.fault == linkAfterPush {
			t.pc = 4
		}
		if r.fault == wakesBeforePush && t.old == sleeper {
			m.flag = true
		}
	case 3: // write the link
		n.next = max(t.old, nobody)
		t.pc = 4
		if r.fault == linkAfterPush {
			t.pc = 5
		}
	case 4: // swap the head
		if m.head != t.old {
			t.pc = 2
			return
		}
		if m.holds(self) {
			fail("node %d is put in the queue twice", self-1)
		}
		m.head = self
		if t.old == sleeper {
			if !m.poll.asleep {
				fail("a poller that is awake is woken")
			}
			if m.poll.wakes++; m.poll.wakes > 1 {
				fail("one sleep is ended twice")
			}
		}
		t.pc = 5
		if r.fault == linkAfterPush {
			t.pc = 3
		}
	case 5: // wake
		if t.old == sleeper && r.fault != wakesBeforePush && r.fault != neverWakes {
			m.flag = true
		}
		if r.fault == queuedAfterPush {
			t.pc = 6
			return
		}
		t.finish()
	case 6:
		n.word |= queued
		t.finish()
	}
}

// register is Node.update and Node.Close.
func (r *run) register(m *machine, t *modelThread, a action) bool {
	n := m.at(a.node)
	switch t.pc {
	case 0: // lock, write the token
		if n.locked {
			return false
		}
		n.locked = true
		if r.fault != tokenAfterWord {
			n.token = a.token
		}
		t.pc = 11
	case 11:
		t.w, t.pc = n.word, 12
	case 12: // swap the word, unlock
		if n.word != t.w {
			t.pc = 11
			break
		}
		var next word
		n.mask, n.mode, n.live, n.armed = 0, 0, 0, false
		switch a.do {
		case 'r':
			next = t.w.arm(a.mask, a.mode)
			n.mask, n.mode, n.live, n.armed = a.mask, a.mode, a.token, true
		case 'd':
			next = t.w.disarm()
		case 'c':
			next = t.w.disarm() | closed
		}
		n.occurred()
		n.locked = false
		if r.fault == tokenAfterWord {
			n.word, t.w, t.pc = next, next&^t.w, 13 // what was added
			break
		}
		r.swap(t, n, next)
	case 13:
		n.token, t.pc = a.token, 2
		if t.w&queued == 0 {
			t.finish()
		}
	}
	return true
}

// The poller's program counter.
const (
	pFetch = iota
	pTake
	pSleep
	pLeap
	pForget
	pWait
	pAwake
	pShift
	pLock
	pLoad
	pSwap
	pLink
)

// stepPoller lets the poller do its next step. It reports false when it waits
// for a wake.
func (r *run) stepPoller(m *machine) bool {
	p := &m.poll
	switch p.pc {
	case pFetch: // Queue.Fetch(true)
		p.pc = pTake
		if m.head == nobody {
			p.pc = pSleep
			if p.first != nobody {
				p.pc = pShift
			}
		}
	case pTake:
		m.takeOver()
		p.pc = pSleep
		if p.first != nobody {
			p.pc = pShift
		}
	case pSleep:
		if m.head != nobody && r.fault != sleepNeverLooks {
			p.pc = pFetch
			break
		}
		if r.fault == sleepLooksThenLeaps {
			p.pc = pLeap
			break
		}
		m.fallAsleep(r.fault)
	case pLeap:
		m.fallAsleep(r.fault)
	case pForget:
		m.flag = false
		p.pc = pWait
	case pWait: // the selector's wait
		if !m.flag {
			return false
		}
		m.flag = false
		p.pc = pAwake
	case pAwake: // Queue.Fetch(false)
		p.asleep = false
		if m.head != sleeper || r.fault != markerStays {
			m.takeOver()
		}
		p.pc = pShift
	case pShift: // Queue.Next
		if p.first == nobody { // Queue.EndRound
			p.first, p.last, p.kept, p.keptEnd = p.kept, p.keptEnd, nobody, nobody
			p.pc = pFetch
			break
		}
		p.hand = p.first
		if r.fault != linkReadLate {
			m.unlink()
		}
		p.pc = pLock
	case pLock: // Node.deliver
		n := m.at(p.hand)
		if r.fault == deliverUnlocked {
			p.token = n.token
		} else if n.locked {
			return false
		} else {
			n.locked = true
		}
		p.pc = pLoad
	case pLoad:
		n := m.at(p.hand)
		p.w, p.pc = n.word, pSwap
		if next, _ := p.w.deliver(); next == p.w {
			r.decided(m, next)
		}
	case pSwap:
		n := m.at(p.hand)
		if n.word != p.w && r.fault != giveUpBlindly {
			p.pc = pLoad
			break
		}
		next, _ := p.w.deliver()
		n.word = next
		r.decided(m, next)
	case pLink:
		m.unlink()
		p.hand, p.pc = nobody, pShift
	}
	return true
}

// decided ends the poller's look at the node in its hand.
func (r *run) decided(m *machine, next word) {
	p, n := &m.poll, m.at(m.poll.hand)
	_, ready := p.w.deliver()
	if r.fault != deliverUnlocked {
		p.token, n.locked = n.token, false
	}
	n.observe(p.token, ready)
	if next&queued != 0 {
		if r.fault == linkReadLate {
			m.unlink()
		}
		n.next = nobody
		if p.kept == nobody {
			p.kept = p.hand
		} else {
			m.at(p.keptEnd).next = p.hand
		}
		p.keptEnd = p.hand
	} else if r.fault == linkReadLate {
		p.w, p.token, p.pc = 0, 0, pLink
		return
	}
	p.hand, p.w, p.token, p.pc = nobody, 0, 0, pShift
}

// unlink takes the node in the poller's hand from its list.
func (m *machine) unlink() {
	p := &m.poll
	p.first = m.at(p.hand).next
	m.at(p.hand).next = nobody
	if p.first == nobody {
		p.last = nobody
	}
}

func (m *machine) fallAsleep(f fault) {
	m.head = sleeper
	m.poll.asleep, m.poll.wakes, m.poll.pc = true, 0, pWait
	if f == forgetsWake {
		m.poll.pc = pForget
	}
}

// takeOver swaps the head for nothing and appends what was there, oldest first.
func (m *machine) takeOver() {
	pushed := m.head
	m.head = nobody
	if pushed == sleeper || pushed == nobody {
		return
	}
	var first ref
	for n, seen := pushed, 0; n != nobody; seen++ {
		if seen == modelNodes {
			fail("the queue is a ring")
		}
		next := m.at(n).next
		m.at(n).next, first, n = first, n, next
	}
	if m.poll.first == nobody {
		m.poll.first = first
	} else {
		m.at(m.poll.last).next = first
	}
	m.poll.last = pushed
}

// holds reports whether n is in the queue or in the poller's hands.
func (m *machine) holds(n ref) bool {
	for _, from := range []ref{m.head, m.poll.first, m.poll.kept, m.poll.hand} {
		for range modelNodes {
			if from == n {
				return true
			}
			if from <= nobody {
				break
			}
			from = m.at(from).next
		}
	}
	return false
}
