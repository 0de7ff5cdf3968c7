package listener_test

import (
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

// memory returns the bytes of heap and stacks in use.
func memory() int64 {
	for range 4 { // pools give up their contents after two, finalizers run after one
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// An idle keep-alive connection holds no goroutine and at most 500 bytes, and
// all of them come back at once with every answer right.
func TestParkTakesLittleMemory(t *testing.T) {
	for _, c := range []struct {
		name string
		idle time.Duration
		most float64
	}{{"plain", 0, 500}, {"with an IdleTimeout", time.Hour, 550}} {
		t.Run(c.name, func(t *testing.T) {
			n := 15000
			if testing.Short() || raceDetector {
				n = 2000
			}
			if testing.Short() && raceDetector {
				n = 300
			}
			s := servePlain(t, &http.Server{Handler: echoPath, IdleTimeout: c.idle}, listener.Grace(200*time.Millisecond))
			testParkMemory(t, s, "http", n, c.most)
		})
	}
}

func testParkMemory(t *testing.T, s *parkServer, scheme string, n int, most float64) {
	warm := startClients(t, scheme, s.addr, 100)
	warm.round(t)
	s.awaitParked(t, 100)
	// Go keeps a goroutine's descriptor (440 bytes) when it has ended, for the
	// next one. The burst's are not what is measured.
	release := make(chan struct{})
	for range n {
		go func() { <-release }()
	}
	close(release)
	for runtime.NumGoroutine() > 100 {
		runtime.Gosched()
	}
	goroutines := runtime.NumGoroutine()
	before := memory()
	clients := startClients(t, scheme, s.addr, n)
	clients.round(t)
	s.awaitParked(t, n+100)
	each := float64(memory()-before) / float64(n)
	more := runtime.NumGoroutine() - goroutines
	t.Logf("%d parked connections: %.0f bytes of heap and stack each, %d goroutines more", n, each, more)
	if each > most && !raceDetector {
		t.Errorf("%.0f bytes each, want at most %.0f", each, most)
	}
	if more > 10 { // the other process's pipes
		t.Errorf("%d goroutines more", more)
	}
	for range 3 {
		clients.round(t)
		s.awaitParked(t, n+100)
	}
	if again := float64(memory()-before) / float64(n); again > most && !raceDetector {
		t.Errorf("%.0f bytes each after more rounds, want at most %.0f", again, most)
	}
}
