package shim

import (
	"io"
	"math/rand/v2"
	"net"
	"testing"
)

// ExpectSendfile runs f. Whether the kernel copied the file is not seen from
// outside; that the right bytes arrive is what the tests then check.
func ExpectSendfile(t *testing.T, _ net.Conn, f func()) {
	t.Helper()
	f()
}

// NewRandReader returns a reader of numbers like Go's own, which computes every
// byte anew: with the race detector that takes a minute for the 2 GiB of one
// test, which looks at none of them. This one repeats a megabyte.
func NewRandReader(tb testing.TB) io.Reader {
	r := make(repeated, 1<<20)
	rand.NewChaCha8([32]byte{1}).Read(r)
	return r
}

type repeated []byte

func (r repeated) Read(p []byte) (int, error) { return copy(p, r), nil }
