package listener_test

// What takes a second process and what /proc tells about it. Serving itself is
// tested everywhere: see serve_test.go.

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

const serveVariable = "MOOR_TEST_SERVE_PROCESS"

// TestServeProcess is the other process of the tests below: an echo server. It
// is told how to serve, how many goroutines compute beside it, and what part of
// the requests, in per cent, sleep for 50 ms.
func TestServeProcess(t *testing.T) {
	args := strings.Fields(os.Getenv(serveVariable))
	if len(args) == 0 {
		t.Skip("runs as a process of its own, for other tests")
	}
	listen := listener.Listen
	if args[0] == "std" {
		listen = net.Listen
	}
	ln, err := listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, ln.Addr())
	hogs, _ := strconv.Atoi(args[1])
	for range hogs {
		go func() {
			// A generator of numbers that never come to zero.
			for x := uint64(1); x != 0; {
				x ^= x << 13
				x ^= x >> 7
				x ^= x << 17
			}
		}()
	}
	// A request is one byte; a zero is one that sleeps.
	handle := func(c net.Conn) {
		defer c.Close()
		buf := make([]byte, 64)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if buf[0] == 0 {
				time.Sleep(50 * time.Millisecond)
			}
			if _, err := c.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	if args[0] == "coroutine" {
		go listener.Serve(ln, handle)
	} else {
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go handle(c)
			}
		}()
	}
	io.Copy(io.Discard, os.Stdin)
}

// serveProcess starts an echo server with so many processors and returns its
// address and process id. It ends with the test.
func serveProcess(t testing.TB, task string, procs int) (address string, pid int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeProcess$")
	cmd.Env = append(os.Environ(), serveVariable+"="+task, fmt.Sprint("GOMAXPROCS=", procs))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if strings.Fields(task)[1] != "0" {
			cmd.Process.Kill() // its goroutines leave it no time to notice
		}
		cmd.Wait()
	})
	line, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid
}

// busy returns how long the process has been on a processor: see schedstat in
// proc(5).
func busy(t testing.TB, pid int) time.Duration {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	var sum time.Duration
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, task.Name()))
		if err != nil {
			continue // it has ended
		}
		var ns int64
		fmt.Sscan(string(text), &ns)
		sum += time.Duration(ns)
	}
	return sum
}

// A server that has nothing to do takes no processor: neither its loops nor the
// watchdog look for anything.
func TestIdleServerTakesNoProcessor(t *testing.T) {
	if _, err := os.Stat("/proc/self/schedstat"); err != nil {
		t.Skip("the kernel does not tell how long a process has run: ", err)
	}
	address, pid := serveProcess(t, "coroutine 0", 2)
	for range 20 {
		c := dialTo(t, address)
		for range 50 {
			c.Write([]byte{1})
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Go's own threads come to rest within a second.
	var least time.Duration = time.Hour
	for range 10 {
		before := busy(t, pid)
		time.Sleep(200 * time.Millisecond)
		least = min(least, busy(t, pid)-before)
	}
	t.Logf("%v in 200 ms", least)
	if least > 200*time.Microsecond {
		t.Errorf("%v of processor time in 200 ms without a request", least)
	}
}

func TestServeAllocatesNothing(t *testing.T) {
	s := &listener.Server{Handler: func(c net.Conn) {
		buf := make([]byte, 64)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			c.Write(buf[:n])
		}
	}}
	c := dialTo(t, serveHandlers(t, s))
	buf := make([]byte, 64)
	if n := testing.AllocsPerRun(2000, func() {
		c.Write(buf)
		io.ReadFull(c, buf)
	}); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}

// An idle connection costs its goroutine's stack and some small objects.
func TestIdleServedConnectionMemory(t *testing.T) {
	const most = 6 << 10
	n := 10000
	if testing.Short() {
		n = 2000
	}
	s := &listener.Server{Handler: func(c net.Conn) {
		var buf [1]byte
		for {
			if _, err := c.Read(buf[:]); err != nil {
				return
			}
			c.Write(buf[:])
		}
	}}
	address := serveHandlers(t, s)
	memory := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	_, end := process(t, fmt.Sprintf("dial %s 100", address))
	defer end()
	before := memory()
	_, end2 := process(t, fmt.Sprintf("dial %s %d", address, n))
	defer end2()
	each := float64(memory()-before) / float64(n)
	t.Logf("%d idle connections: %.0f bytes of heap and stack each", n, each)
	if each > most && !shadowed {
		t.Errorf("%.0f bytes each, want at most %d", each, most)
	}
}

// load keeps every connection busy for the time and returns how long the
// requests took that do not sleep. Of 100 requests, sleepers do.
func load(t testing.TB, address string, conns, sleepers int, d time.Duration) (latencies []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var stop atomic.Bool
	for range conns {
		c := dialTo(t, address)
		wg.Go(func() {
			defer c.Close()
			var own []time.Duration
			buf := make([]byte, 1)
			for !stop.Load() {
				sleeps := rand.IntN(100) < sleepers
				buf[0] = 1
				if sleeps {
					buf[0] = 0
				}
				start := time.Now()
				c.Write(buf)
				if _, err := c.Read(buf); err != nil {
					t.Error(err)
					return
				}
				if !sleeps {
					own = append(own, time.Since(start))
				}
			}
			mu.Lock()
			latencies = append(latencies, own...)
			mu.Unlock()
		})
	}
	time.Sleep(d)
	stop.Store(true)
	wg.Wait()
	slices.Sort(latencies)
	return latencies
}

// The latency of 1,000 connections of whose requests none, or a tenth, sleep
// for 50 ms in the handler. Both loads are the same for the client.
func BenchmarkServeBesideSleepers(b *testing.B) {
	for _, mode := range []string{"coroutine", "goroutine"} {
		for _, sleepers := range []int{0, 10} {
			b.Run(fmt.Sprintf("%s/sleepers=%d", mode, sleepers), func(b *testing.B) {
				address, _ := serveProcess(b, mode+" 0", runtime.GOMAXPROCS(0))
				load(b, address, 1000, sleepers, time.Second)
				for range b.N {
					l := load(b, address, 1000, sleepers, 2*time.Second)
					b.ReportMetric(float64(l[len(l)/2])/1e6, "p50-ms")
					b.ReportMetric(float64(l[len(l)*99/100])/1e6, "p99-ms")
					b.ReportMetric(float64(len(l))/2, "requests/s")
				}
			})
		}
	}
}

// 64 connections to a server on one processor, which two goroutines beside it
// would like to have for themselves.
func BenchmarkServeBesideComputation(b *testing.B) {
	for _, mode := range []string{"coroutine", "goroutine", "std"} {
		b.Run(mode, func(b *testing.B) {
			address, _ := serveProcess(b, mode+" 2", 1)
			for range b.N {
				l := load(b, address, 64, 0, 2*time.Second)
				b.ReportMetric(float64(l[len(l)/2])/1e6, "p50-ms")
				b.ReportMetric(float64(len(l))/2, "requests/s")
			}
		})
	}
}
