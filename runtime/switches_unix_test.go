//go:build unix

package runtime

import (
	goruntime "runtime"
	"testing"
)

// Threads lose their processors to others of the process too, if there are more that
// compute than processors.
func TestInvoluntarySwitchesAreCounted(t *testing.T) {
	before := involuntarySwitches()
	stop := make(chan struct{})
	defer close(stop)
	defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(2 * goruntime.NumCPU()))
	for range 2 * goruntime.NumCPU() {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
	}
	eventually(t, "a thread loses its processor", func() bool { return involuntarySwitches() > before })
}
