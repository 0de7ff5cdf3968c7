package runtime

import (
	"sync"
	"testing"
)

// A coroutine that pauses leaves its loop to others, whose Resume it waits for.
func TestACoroutineThatPausesLetsOthersRun(t *testing.T) {
	rt := startPatient(t, 1)
	l, cs := rt.Loop(0), new(Coroutines)
	var there, back Pause
	done := make(chan struct{})
	cs.Go(l, func() {
		there.Wait(l) // the next one could not run otherwise
		back.Resume()
	})
	cs.Go(l, func() {
		there.Resume()
		back.Wait(l)
		close(done)
	})
	within(t, done, "the second coroutine")
}

// Whoever waits, and whoever ends the wait, and in which order: nobody is
// forgotten.
func TestEveryPauseEnds(t *testing.T) {
	rt := startPatient(t, 2)
	cs := new(Coroutines)
	const each = 2000
	var all sync.WaitGroup
	for i := range each {
		p, l := new(Pause), rt.Loop(i%2)
		written := 0
		wait := func() {
			p.Wait(l)
			if written != 1 {
				t.Error("what was done before Resume is not seen after Wait")
			}
			all.Done()
		}
		resume := func() {
			written = 1
			p.Resume()
			p.Resume()
		}
		all.Add(1)
		switch i % 5 {
		case 0:
			cs.Go(l, wait)
			go resume()
		case 1:
			cs.Go(l, wait)
			cs.Go(rt.Loop((i+1)%2), resume)
		case 2:
			go wait()
			cs.Go(l, resume)
		case 3:
			resume()
			cs.Go(l, wait)
		case 4:
			go resume()
			go wait()
		}
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	within(t, done, "the last pause")
}

// A pause also ends when its loop has.
func TestAPauseOutlivesItsLoop(t *testing.T) {
	rt := startPatient(t, 1)
	var p Pause
	paused, done := make(chan struct{}), make(chan struct{})
	l, cs := rt.Loop(0), new(Coroutines)
	cs.Go(l, func() {
		close(paused)
		p.Wait(l)
		close(done)
	})
	<-paused
	rt.Shutdown(t.Context())
	p.Resume()
	within(t, done, "the coroutine")
}
