//go:build unix && race

package sys

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"
)

// What package syscall's Read and Write show the race detector, for calls that
// take their place: the buffer, and the edge from all writes of the process to
// a read. That edge has no exported name, but calls that move nothing have it.

func raceRead(p []byte) {
	if len(p) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(&p[0]), len(p))
	}
	syscall.Read(null(), nil)
}

func raceWrite(p []byte) {
	if len(p) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(&p[0]), len(p))
	}
	syscall.Write(null(), nil)
}

var null = sync.OnceValue(func() int {
	fd, err := syscall.Open(os.DevNull, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic("moor: " + os.DevNull + ": " + err.Error())
	}
	return fd
})
