package runtime

import (
	"sync/atomic"

	"github.com/moor-net/moor/internal/parker"
)

// A Pause is a wait for somebody's Resume. A coroutine that waits leaves its loop
// to others, as it does when an operation on an FD would block; everybody else
// sleeps. The zero Pause is ready for use, once; it must not be copied.
//
// The word:
//
//	0        nobody has called Resume
//	resumed  somebody has
//	paused   nobody has, and co has switched back: who calls Resume posts it
type Pause struct {
	word atomic.Uint32
	co   *coroutine // written before paused is
	seat parker.Parker
}

const (
	resumed = 1
	paused  = 2
)

// Wait waits until Resume has been called. It is called once, at most. l is the
// loop that the caller, if it is a coroutine, has most to do with: it goes on
// there.
func (p *Pause) Wait(l *Loop) {
	if co := registered.caller(l); co != nil && !co.mustBlock() {
		co.pause(p, l)
		return
	}
	p.seat.Park()
	p.word.Load() // and with it all that came before Resume
}

// Resume ends the wait, also one that has not begun. It may be called from any
// goroutine, and more than once.
func (p *Pause) Resume() {
	switch p.word.Swap(resumed) {
	case 0:
		p.seat.Unpark()
	case paused:
		p.co.loop.post(&p.co.job)
	}
}

// pause is Pause.Wait for a coroutine that calls.
func (co *coroutine) pause(p *Pause, l *Loop) {
	if p.word.Load() != resumed {
		co.loop, co.paused = l, p
		co.yield(struct{}{})
		co.paused = nil
	}
	p.word.Load()
}

// settle is called by the one that has resumed the coroutine. It reports false if
// Resume was called meanwhile.
func (p *Pause) settle(co *coroutine) bool {
	p.co = co
	return p.word.CompareAndSwap(0, paused)
}
