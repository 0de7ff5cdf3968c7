package load

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

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

func newPattern(size int) *pattern {
	table := make([]byte, offsets+size)
	rng := rand.NewChaCha8([32]byte{})
	rng.Read(table)
	return &pattern{table, size}
}

// message returns the bytes of a connection's message number seq. They must
// not be changed.
func (p *pattern) message(conn int, seq uint64) []byte {
	// Odd factors: both products run through all residues modulo offsets.
	at := (seq*40503 + uint64(conn)*10007) % offsets
	return p.table[at : at+uint64(p.size)]
}

// request implements protocol.
func (p *pattern) request(conn int, seq uint64) []byte { return p.message(conn, seq) }

// answer implements protocol: an echo is what was sent.
func (p *pattern) answer(conn int, seq uint64, at int, in []byte) (n int, complete bool, err error) {
	want := p.message(conn, seq)[at:]
	n = min(len(in), len(want))
	if !bytes.Equal(in[:n], want[:n]) {
		differs := 0
		for in[differs] == want[differs] {
			differs++
		}
		return 0, false, fmt.Errorf("corrupt echo: byte %d of message %d is %#02x, sent was %#02x",
			at+differs, seq, in[differs], want[differs])
	}
	return n, n == len(want), nil
}
