//go:build race

package sys

import (
	"runtime"
	"unsafe"
)

// What package syscall's calls show the race detector: the buffer, and the edge
// from all writes of the process to a read.

var transfers byte

func raceRead(p []byte) {
	if len(p) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(&p[0]), len(p))
	}
	runtime.RaceAcquire(unsafe.Pointer(&transfers))
}

func raceWrite(p []byte) {
	if len(p) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(&p[0]), len(p))
	}
	runtime.RaceReleaseMerge(unsafe.Pointer(&transfers))
}
