package listener_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
)

// content returns n bytes that depend on seed, as a stream.
func content(seed uint64, n int64) io.Reader {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return io.LimitReader(rand.NewChaCha8(key), n)
}

// digest reads r to its end and returns the checksum and the length.
func digest(r io.Reader) (sum string, n int64, err error) {
	h := sha256.New()
	n, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), n, err
}
