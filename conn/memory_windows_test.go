package conn_test

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sys"
)

func heap() (bytes int64) {
	runtime.GC()
	runtime.GC() // finalizers of what the first one found
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// acceptRaw returns n connections whose other ends, which have sent a byte, are
// no objects of Go's.
func acceptRaw(t *testing.T, ln net.Listener, n int) []*conn.TCPConn {
	t.Helper()
	to := ln.Addr().(*net.TCPAddr)
	conns, peers := make([]*conn.TCPConn, n), make([]int, n)
	t.Cleanup(func() {
		for _, s := range peers {
			sys.Close(s)
		}
	})
	for i := range conns {
		s, err := sys.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		peers[i] = s
		if err := sys.Connect(s, &syscall.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil && err != syscall.EINPROGRESS {
			t.Fatal(err)
		}
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, errno := sys.Write(s, []byte("x")); errno != 0 {
			t.Fatal(errno)
		}
		conns[i] = c.(*conn.TCPConn)
	}
	return conns
}

// An idle connection holds no buffer and no goroutine; object, slots, wait state
// and the memory of the request to the system together take at most 600 bytes,
// also when somebody waits for it to become readable.
func TestIdleConnectionTakesLittleMemory(t *testing.T) {
	const most, n = 600, 400
	ln := listen(t, "tcp", "127.0.0.1:0")
	warm := acceptRaw(t, ln, 100)
	goroutines := runtime.NumGoroutine()
	before := heap()
	conns := acceptRaw(t, ln, n)
	var b [1]byte
	for _, c := range conns {
		if _, err := io.ReadFull(c, b[:]); err != nil {
			t.Fatal(err)
		}
	}
	idle := float64(heap()-before-int64(n*16)) / n
	told := func(error) {}
	for _, c := range conns {
		if err := c.NotifyReadable(told); err != nil {
			t.Fatal(err)
		}
	}
	waiting := float64(heap()-before-int64(n*16)) / n
	t.Logf("%d idle connections: %.0f bytes of heap each, waited for %.0f", n, idle, waiting)
	if max(idle, waiting) > most && !raceDetector {
		t.Errorf("%.0f and %.0f bytes of heap each, want at most %d", idle, waiting, most)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 2 {
		t.Errorf("%d goroutines more", more)
	}
	runtime.KeepAlive(warm)
	for _, c := range conns {
		c.Close()
	}
}
