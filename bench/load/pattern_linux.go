// Package load is the client side of a measurement: one thread that keeps
// many echo connections busy, checks every byte that comes back, and reads
// the CPU clocks of both sides.
package load

import "math/rand/v2"

// offsets is the number of different messages: a power of two.
const offsets = 1 << 16

// pattern holds every message as a slice of one random table, so that neither
// sending nor checking one needs it to be built first. A message is known by
// its place in the table. One connection goes through all places before it
// comes back to the first, and connections with the same sequence number are
// at different places, so bytes that were lost, doubled, swapped or given to
// another connection do not match.
type pattern struct {
	table []byte
	size  int
}

func newPattern(size int) pattern {
	table := make([]byte, offsets+size)
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(table)
	return pattern{table, size}
}

// message returns the bytes of a connection's message number seq. They must
// not be changed.
func (p pattern) message(conn int, seq uint64) []byte {
	// Odd factors: both products run through all residues modulo offsets.
	at := (seq*40503 + uint64(conn)*10007) % offsets
	return p.table[at : at+uint64(p.size)]
}
