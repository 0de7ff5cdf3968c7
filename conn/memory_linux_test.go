package conn_test

// The figures of Linux; those of Windows are in memory_windows_test.go.

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"github.com/moor-net/moor/conn"
)

// dialMany is the other process of the memory tests: it dials n connections,
// sends a byte on each and waits until its standard input ends.
func dialMany(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	conns := make([]net.Conn, n)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", args[0]); err != nil {
			return err
		}
		if _, err := conns[i].Write([]byte("x")); err != nil {
			return err
		}
	}
	fmt.Println("dialled")
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// acceptMany returns n connections whose other ends are in another process.
func acceptMany(t *testing.T, ln net.Listener, n int) []*conn.TCPConn {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("MOOR_TEST_DIAL_MANY=%v %d", ln.Addr(), n))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cmd.Wait() })
	conns := make([]*conn.TCPConn, n)
	for i := range conns {
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = c.(*conn.TCPConn)
	}
	return conns
}

func heap() (bytes int64) {
	runtime.GC()
	runtime.GC() // finalizers of what the first one found
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// An idle connection holds no buffer and no goroutine; object, slots and wait
// state together take at most 300 bytes.
func TestIdleConnectionTakesLittleMemory(t *testing.T) {
	const most = 300
	n := 15000
	if testing.Short() {
		n = 3000
	}
	ln := listen(t, "tcp", "127.0.0.1:0")
	warm := acceptMany(t, ln, 100)
	goroutines := runtime.NumGoroutine()
	before := heap()
	conns := acceptMany(t, ln, n)
	var b [1]byte
	for _, c := range conns {
		if _, err := io.ReadFull(c, b[:]); err != nil {
			t.Fatal(err)
		}
	}
	each := float64(heap()-before-int64(cap(conns)*8)) / float64(n)
	t.Logf("%d idle connections: %.0f bytes of heap each", n, each)
	if each > most && !raceDetector {
		t.Errorf("%.0f bytes of heap each, want at most %d", each, most)
	}
	// The helper process and its pipes may add a few.
	if more := runtime.NumGoroutine() - goroutines; more > 10 {
		t.Errorf("%d goroutines more", more)
	}
	runtime.KeepAlive(warm)
	runtime.KeepAlive(conns)
	for _, c := range conns {
		c.Close()
	}
}

// A goroutine that is blocked in Read costs itself and at most 100 bytes.
func TestBlockedReaderTakesLittleMoreThanItsGoroutine(t *testing.T) {
	const most = 100
	n := 15000
	if testing.Short() {
		n = 3000
	}
	conns := acceptMany(t, listen(t, "tcp", "127.0.0.1:0"), n)
	var b [1]byte
	for _, c := range conns {
		if _, err := io.ReadFull(c, b[:]); err != nil {
			t.Fatal(err)
		}
	}
	before := heap()
	for _, c := range conns {
		go func() {
			var b [1]byte
			c.Read(b[:])
		}()
	}
	settle()
	with := heap() - before

	block := make(chan struct{})
	defer close(block)
	before = heap()
	for range conns {
		go func() { <-block }()
	}
	settle()
	plain := heap() - before
	each := float64(with-plain) / float64(n)
	t.Logf("%d blocked readers: %.0f bytes of heap each besides the goroutine's %.0f", n, each, float64(plain)/float64(n))
	if each > most && !raceDetector {
		t.Errorf("%.0f bytes of heap each, want at most %d", each, most)
	}
	for _, c := range conns {
		c.Close()
	}
}

// settle lets goroutines that were started run until they block.
func settle() {
	for range 100 {
		runtime.Gosched()
	}
}
