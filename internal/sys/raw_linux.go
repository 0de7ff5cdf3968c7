package sys

import "unsafe"

// bulk is the size from which a copy between user and kernel takes long
// enough (tens of microseconds) that the scheduler should know: a stopping
// collector would otherwise wait for it.
const bulk = 128 << 10

// zero is what an empty slice points to; the kernel does not look at it.
var zero byte

func base(p []byte) unsafe.Pointer {
	if len(p) == 0 {
		return unsafe.Pointer(&zero)
	}
	return unsafe.Pointer(&p[0])
}
