package readyq

import "testing"

// Every word that any sequence of changes leads to keeps what type word says.
func TestEveryReachableWordIsConsistent(t *testing.T) {
	values := []uint16{0, 1, 2, 3, 0x8000, 0xffff}
	seen := map[word]bool{0: true}
	todo := []word{0}
	check := func(from, to word, what string) {
		switch {
		case to&pending != 0 && to&(enabled|queued) != enabled|queued:
			t.Fatalf("%s of %#x: %#x is pending and not enabled and queued", what, from, to)
		case to&pending != 0 && to.wanted() == 0:
			t.Fatalf("%s of %#x: %#x owes an empty event", what, from, to)
		case to&enabled != 0 && to&registered == 0:
			t.Fatalf("%s of %#x: %#x is enabled and not registered", what, from, to)
		case what != "set" && to.readiness() != from.readiness():
			t.Fatalf("%s of %#x: the readiness became %#x", what, from, to.readiness())
		case what != "deliver" && from&queued != 0 && to&queued == 0:
			t.Fatalf("%s of %#x: only the poller takes a node from the queue", what, from)
		}
		if !seen[to] {
			seen[to] = true
			todo = append(todo, to)
		}
	}
	for len(todo) > 0 {
		w := todo[0]
		todo = todo[1:]
		if w&closed == 0 { // Set and Register look first
			for _, v := range values {
				to := w.set(v)
				if to.readiness() != v {
					t.Fatalf("set(%#x) of %#x: the readiness is %#x", v, w, to.readiness())
				}
				check(w, to, "set")
				for _, mode := range []word{0, edge, oneshot, edge | oneshot} {
					to := w.arm(v, mode)
					if owed := to&pending != 0; owed != (w.readiness()&v != 0) {
						t.Fatalf("arm(%#x) of %#x: an event is owed: %t", v, w, owed)
					}
					check(w, to, "arm")
				}
			}
		}
		check(w, w.disarm(), "disarm")
		check(w, w.disarm()|closed, "close")
		if w&queued == 0 {
			continue
		}
		to, event := w.deliver()
		if (event != 0) != (w&pending != 0) || event&^w.readiness() != 0 {
			t.Fatalf("deliver of %#x: the event is %#x", w, event)
		}
		check(w, to, "deliver")
	}
	t.Logf("%d words", len(seen))
}

func TestDeliveryByMode(t *testing.T) {
	for _, c := range []struct {
		name          string
		mode          word
		stays, repeat bool // in the queue; a second set owes an event again
	}{
		{"level", 0, true, true},
		{"edge", edge, false, true},
		{"oneshot", oneshot, false, false},
		{"edge oneshot", edge | oneshot, false, false},
	} {
		w := word(0).arm(3, c.mode).set(6)
		w, event := w.deliver()
		if event != 2 {
			t.Errorf("%s: the event is %#x, want the common bit", c.name, event)
		}
		if stays := w&queued != 0; stays != c.stays {
			t.Errorf("%s: still in the queue: %t", c.name, stays)
		}
		if repeats := w.set(6)&pending != 0; repeats != c.repeat {
			t.Errorf("%s: the same value set again owes an event: %t", c.name, repeats)
		}
	}
}
