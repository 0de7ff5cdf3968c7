//go:build unix

package netpoll_test

import (
	"math/rand/v2"
	"testing"
)

// FuzzPoll compares the Poll with a model of it: see world.
func FuzzPoll(f *testing.F) {
	seeds := [][]byte{
		// A pipe; its reader level-triggered; write, poll, drain, poll.
		{0, 1, 2, 0, 10, 1, 14, 0, 13, 0, 14, 0},
		// A socket pair; edge, attached; a duplicate; close with the duplicate open.
		{0, 0, 4 + 4*16, 0, 9, 0, 10, 1, 8, 0, 15 + 9*16, 0, 15 + 9*16, 0},
		// One-shot: write, poll, write, poll, reregister, poll.
		{0, 0, 2 + 8*16, 0, 10, 1, 14, 0, 10, 1, 14, 0, 5 + 8*16, 0, 14, 0},
		// Close and use the number again.
		{0, 0, 2, 0, 10, 1, 8, 0, 0, 1, 14, 0, 2, 1, 2, 2, 14, 0},
		// Everything twice, with room for one event.
		{0, 0, 0, 1, 2, 0, 2, 1, 2 + 2*16, 2, 2, 0, 10, 0, 10, 1, 14, 0, 14, 0, 7, 0, 7, 0, 14, 0},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		script := make([]byte, 200)
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		seeds = append(seeds, script)
	}
	for _, script := range seeds {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		w := newWorld(t)
		w.run(script[:min(len(script), 600)])
		w.end()
	})
}
