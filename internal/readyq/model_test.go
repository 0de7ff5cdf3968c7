package readyq

import (
	"fmt"
	"strings"
	"testing"
)

// settle lets the poller run on alone when everybody else is done: it must
// deliver what is due and then sleep, or go on delivering if something
// level-triggered is ready.
func (r *run) settle(m machine) {
	m.poll.spurs = 0
	level := false
	for i := range m.node {
		n := &m.node[i]
		n.arrived = false
		level = level || n.unseen && n.mode&(edge|oneshot) == 0
	}
	for range 200 {
		if r.stepPoller(&m) {
			continue
		}
		if m.poll.pc != pWait {
			fail("the poller waits for a lock that nobody holds")
		}
		for i, n := range m.node {
			if n.unseen {
				fail("the poller sleeps for ever on a due event of node %d", i)
			}
			if n.word&(pending|queued) != 0 {
				fail("node %d is out of the queue and thinks it is in", i)
			}
		}
		return
	}
	if !level {
		fail("the poller never sleeps")
	}
	for i, n := range m.node {
		if n.unseen && !n.arrived {
			fail("node %d is ready and never delivered", i)
		}
	}
}

// explore visits every reachable state and returns their number, and what is
// wrong in the first bad one with the steps that lead there.
func (r *run) explore() (states int, wrong string) {
	start := machine{poll: modelPoller{spurs: 1}}
	for i, a := range r.sc.start {
		n := &start.node[i]
		if a.do == 'r' {
			n.word = word(0).arm(a.mask, a.mode)
			n.token, n.live, n.mask, n.mode, n.armed = a.token, a.token, a.mask, a.mode, true
		}
	}
	from := map[machine]machine{start: start}
	todo := []machine{start}
	var now machine
	try := func(f func(*machine) bool) (m machine, moved bool, wrong string) {
		defer func() {
			if v := recover(); v != nil {
				v, ok := v.(violation)
				if !ok {
					panic(v)
				}
				wrong = string(v)
			}
		}()
		m = now
		moved = f(&m)
		return m, moved, ""
	}
	for len(todo) > 0 {
		now = todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		var moves []func(*machine) bool
		done := true
		for i := range r.sc.threads {
			moves = append(moves, func(m *machine) bool { return r.step(m, i) })
			done = done && int(now.thr[i].at) == len(r.sc.threads[i])
		}
		moves = append(moves, r.stepPoller)
		if now.poll.pc == pWait && now.poll.spurs > 0 {
			moves = append(moves, func(m *machine) bool {
				m.poll.spurs--
				m.poll.pc = pAwake
				return true
			})
		}
		if done {
			moves = append(moves, func(m *machine) bool { r.settle(*m); return false })
		}
		stuck := true
		for _, f := range moves {
			m, moved, wrong := try(f)
			if wrong != "" {
				return len(from), wrong + r.path(from, now)
			}
			if !moved {
				continue
			}
			stuck = false
			if _, known := from[m]; !known {
				from[m] = now
				todo = append(todo, m)
			}
		}
		if stuck && !done {
			return len(from), "nobody can go on" + r.path(from, now)
		}
	}
	return len(from), ""
}

// path tells how m came about.
func (r *run) path(from map[machine]machine, m machine) string {
	var lines []string
	for {
		pcs := fmt.Sprintf("\n\tpoller %d head %d flag %t", m.poll.pc, m.head, m.flag)
		for i := range r.sc.threads {
			pcs += fmt.Sprintf("  %d:%d.%d", i, m.thr[i].at, m.thr[i].pc)
		}
		for _, n := range m.node {
			pcs += fmt.Sprintf("  [%#x next %d token %d]", uint64(n.word), n.next, n.token)
		}
		lines = append(lines, pcs)
		if from[m] == m {
			break
		}
		m = from[m]
	}
	var b strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		b.WriteString(lines[i])
	}
	return b.String()
}

var scenarios = func() []scenario {
	const r, w = 1, 2
	set := func(n ref, ready uint16) action { return action{do: 's', node: n, ready: ready} }
	reg := func(n ref, token int8, mask uint16, mode word) action {
		return action{do: 'r', node: n, token: token, mask: mask, mode: mode}
	}
	end := func(n ref) action { return action{do: 'd', node: n} }
	shut := func(n ref) action { return action{do: 'c', node: n} }
	return []scenario{
		{"a one-shot edge is re-armed", [2]action{reg(1, 1, r, edge|oneshot)},
			[][]action{{set(1, r), set(1, r)}, {reg(1, 2, r, edge|oneshot), reg(1, 3, w, edge|oneshot)}}},
		{"two set one edge", [2]action{reg(1, 1, r, edge)},
			[][]action{{set(1, r), set(1, r)}, {set(1, r), set(1, 0), set(1, r)}}},
		{"one comes, goes and comes beside another", [2]action{reg(1, 1, r, edge), reg(2, 2, r, edge)},
			[][]action{{set(1, r), set(1, 0), set(1, r)}, {set(2, r)}}},
		{"two set two edges", [2]action{reg(1, 1, r, edge), reg(2, 2, r, edge)},
			[][]action{{set(1, r), set(2, r)}, {set(2, r), set(1, r)}}},
		{"three set two edges", [2]action{reg(1, 1, r, edge), reg(2, 2, r|w, edge)},
			[][]action{{set(1, r)}, {set(2, w)}, {set(2, r|w)}}},
		{"a level comes and goes beside an edge", [2]action{reg(1, 1, r, 0), reg(2, 2, r, edge)},
			[][]action{{set(1, r), set(1, 0)}, {set(2, r), set(2, r)}}},
		{"two levels stay", [2]action{reg(1, 1, r, 0), reg(2, 2, r, 0)},
			[][]action{{set(1, r)}, {set(2, 0), set(2, r)}}},
		{"a one-shot level is re-armed", [2]action{reg(1, 1, r, oneshot)},
			[][]action{{set(1, r), set(1, w)}, {reg(1, 2, r|w, oneshot), reg(1, 3, r, oneshot)}}},
		{"registered after set, moved, registered again", [2]action{},
			[][]action{{set(1, r), set(1, r|w)}, {reg(1, 1, r, edge), end(1), reg(1, 2, w, edge)}}},
		{"registering races registering", [2]action{reg(1, 1, r, edge)},
			[][]action{{set(1, r)}, {reg(1, 2, r, edge)}, {reg(1, 3, w, 0), reg(1, 4, r, edge)}}},
		{"closed while set", [2]action{reg(1, 1, r, 0), reg(2, 2, r, edge)},
			[][]action{{set(1, r), set(2, r)}, {shut(1), shut(2)}}},
	}
}()

// No order of steps loses a wake-up or an event, wakes a poller twice or while
// it is awake, delivers a former token, or breaks the list.
func TestEveryInterleavingKeepsTheContract(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			states, wrong := (&run{sc, noFault}).explore()
			if wrong != "" {
				t.Fatal(wrong)
			}
			t.Logf("%d states", states)
		})
	}
}

// The model is worth something only if it notices when the protocol is wrong.
func TestModelFindsEveryFault(t *testing.T) {
	for f := noFault + 1; f < faults; f++ {
		t.Run(faultNames[f], func(t *testing.T) {
			for _, sc := range scenarios {
				if _, wrong := (&run{sc, f}).explore(); wrong != "" {
					first, _, _ := strings.Cut(wrong, "\n")
					t.Logf("%s: %s", sc.name, first)
					return
				}
			}
			t.Error("no scenario finds it")
		})
	}
}
