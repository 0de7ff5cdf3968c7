//go:build unix

package runtime

import (
	goruntime "runtime"
	"sync/atomic"
	"testing"
)

// Threads lose their processors to others of the process too, if there are more that
// compute than processors.
func TestInvoluntarySwitchesAreCounted(t *testing.T) {
	before := involuntarySwitches()
	var stop atomic.Bool
	defer stop.Store(true)
	defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(2 * goruntime.NumCPU()))
	for range 2 * goruntime.NumCPU() {
		go func() {
			for !stop.Load() {
			}
		}()
	}
	eventually(t, "a thread loses its processor", func() bool { return involuntarySwitches() > before })
}
