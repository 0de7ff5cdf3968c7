package listener_test

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

var parks = flag.Int("parks", 20_000, "how often TestParkManyTimes parks connections")

// Connections that are parked after every request, over and over, leave nothing
// behind.
func TestParkManyTimes(t *testing.T) {
	const conns = 20
	each := *parks / conns
	if testing.Short() {
		each = min(each, 200)
	}
	s := servePlain(t, &http.Server{Handler: echoPath}, listener.Grace(0))
	clients := make([]net.Conn, conns)
	readers := make([]*bufio.Reader, conns)
	for i := range clients {
		clients[i] = s.dial(t)
		readers[i] = bufio.NewReader(clients[i])
	}
	run := func(n int) {
		var wg sync.WaitGroup
		for i, c := range clients {
			wg.Go(func() {
				for j := range n {
					path := fmt.Sprintf("/%d/%d", i, j)
					if got := get(t, c, readers[i], path); got != path {
						t.Errorf("got %q, want %q", got, path)
						return
					}
				}
			})
		}
		wg.Wait()
		s.awaitParked(t, conns)
	}
	run(50) // fills the pools
	goroutines, before := runtime.NumGoroutine(), objects()
	run(each)
	// A goroutine has parked its connection before it ends.
	for until := time.Now().Add(time.Minute); runtime.NumGoroutine() > goroutines+2; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d goroutines, there were %d", runtime.NumGoroutine(), goroutines)
		}
	}
	more := objects() - before
	t.Logf("%d objects more after %d parks", more, conns*each)
	if more > 500 {
		t.Errorf("%d objects more", more)
	}
}

// objects returns the number of live objects.
func objects() int64 {
	for range 4 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapObjects)
}
