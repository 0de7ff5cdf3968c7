package load

import (
	"bytes"
	"testing"
)

// Bytes that came from the wrong place in the stream, or from the wrong
// connection, must not look right.
func TestMessagesOfNeighboursDiffer(t *testing.T) {
	p := newPattern(64)
	for conn := range 100 {
		for seq := range uint64(100) {
			this := p.message(conn, seq)
			for later := seq + 1; later < seq+20; later++ {
				if bytes.Equal(this, p.message(conn, later)) {
					t.Fatalf("connection %d: messages %d and %d are equal", conn, seq, later)
				}
			}
			for other := conn + 1; other < 100; other++ {
				if bytes.Equal(this, p.message(other, seq)) {
					t.Fatalf("message %d of connections %d and %d are equal", seq, conn, other)
				}
			}
		}
	}
}

func TestMessagesOfOneConnectionRepeatLate(t *testing.T) {
	p := newPattern(16)
	seen := make(map[string]uint64, offsets)
	for seq := range uint64(offsets) {
		text := string(p.message(7, seq))
		if first, ok := seen[text]; ok {
			t.Fatalf("messages %d and %d are equal", first, seq)
		}
		seen[text] = seq
	}
}
