package runtime

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// A file that is too long for one call is sent by several, to its end and not
// beyond.
func TestTransmitFileInParts(t *testing.T) {
	defer func(most int64) { maxTransmit = most }(maxTransmit)
	maxTransmit = 1000
	rt := start(t, 1)
	a, b := pair(t, rt)
	data := make([]byte, 10_500)
	for i := range data {
		data[i] = byte(i * i >> 4)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := rt.Loop(0).out.Load()
	type result struct {
		n   int64
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := a.TransmitFile(f.Fd(), 500, 10_000)
		done <- result{n, err}
		a.Close()
	}()
	var got []byte
	for buf := make([]byte, 4096); ; {
		n, err := b.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			break
		}
	}
	if r := <-done; r.n != 10_000 || r.err != nil {
		t.Errorf("sent %d, %v", r.n, r.err)
	}
	if !bytes.Equal(got, data[500:]) {
		t.Errorf("%d bytes came, or others than were sent", len(got))
	}
	if n := rt.Loop(0).out.Load() - before; n != 10_000 {
		t.Errorf("%d bytes are counted", n)
	}
}
