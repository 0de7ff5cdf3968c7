package listener_test

import (
	"runtime/pprof"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// threadHandles is more than the handles that Go opens for a thread, which it
// keeps.
const threadHandles = 8

var getProcessHandleCount = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")

// openDescriptors returns how many handles the process has, without those of the
// threads that Go has started.
func openDescriptors(t *testing.T) int {
	t.Helper()
	var n uint32
	if ok, _, err := getProcessHandleCount.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); ok == 0 {
		t.Fatal("GetProcessHandleCount: ", err)
	}
	return int(n) - threadHandles*pprof.Lookup("threadcreate").Count()
}

// inheritable returns two options of a listening socket that its connections may
// have from it.
func inheritable(fd uintptr) (noDelay, keepAlive int) {
	s := windows.Handle(fd)
	noDelay, _ = windows.GetsockoptInt(s, windows.IPPROTO_TCP, windows.TCP_NODELAY)
	keepAlive, _ = windows.GetsockoptInt(s, windows.SOL_SOCKET, windows.SO_KEEPALIVE)
	return noDelay, keepAlive
}
