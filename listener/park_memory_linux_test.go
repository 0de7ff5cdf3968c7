package listener_test

import (
	"crypto/tls"
	"net"
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

// An idle keep-alive connection holds no goroutine and at most 400 bytes, and
// all of them come back at once with every answer right.
func TestParkTakesLittleMemory(t *testing.T) {
	for _, c := range []struct {
		name string
		idle time.Duration
		most float64
	}{{"plain", 0, 400}, {"with an IdleTimeout", time.Hour, 450}} {
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
	most += 100_000 / float64(n) // what there is once
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

// A parked TLS connection takes at most a third of what one of std's takes, and
// no goroutine.
func TestParkTLSTakesAThird(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's memory would be measured")
	}
	// With some hundred the stacks that Go keeps for later would count for more
	// than the difference.
	n := 3000
	if testing.Short() {
		n = 2000
	}
	measure := func(ln net.Listener, srv *http.Server, settled func()) float64 {
		go srv.Serve(ln)
		defer srv.Close()
		warm := startClients(t, "https", ln.Addr().String(), 50)
		warm.round(t)
		before := memory()
		clients := startClients(t, "https", ln.Addr().String(), n)
		clients.round(t)
		settled()
		return float64(memory()-before) / float64(n)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: http1}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	std := measure(tls.NewListener(ln, config), &http.Server{Handler: echoPath}, func() {})
	srv := &http.Server{Handler: echoPath}
	if ln, err = listener.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if ln, err = listener.Park(srv, tls.NewListener(ln, config), listener.Grace(200*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	ours := measure(ln, srv, func() {
		(&parkServer{park: ln.(*listener.ParkListener)}).awaitParked(t, n+50)
	})
	t.Logf("%.0f bytes each, std's %.0f", ours, std)
	if ours > std/3 {
		t.Errorf("%.0f bytes each, want a third of std's %.0f", ours, std)
	}
}
