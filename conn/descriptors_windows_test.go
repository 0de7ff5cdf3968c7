package conn_test

import (
	"runtime/pprof"
	"testing"
)

// threadHandles is more than the handles that Go opens for a thread, which it
// keeps.
const threadHandles = 8

// countDescriptors returns the number of handles that the process has open,
// without those of the threads that Go has started.
func countDescriptors(t *testing.T) int {
	t.Helper()
	return handleCount(t) - threadHandles*pprof.Lookup("threadcreate").Count()
}
