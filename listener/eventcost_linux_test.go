package listener_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/moor-net/moor/listener"
)

const processVariable = "MOOR_TEST_EVENT_PROCESS"

// TestEventProcess is the other process of the tests below: the test binary,
// told by the environment what to be.
func TestEventProcess(t *testing.T) {
	args := strings.Fields(os.Getenv(processVariable))
	if len(args) == 0 {
		t.Skip("runs as a process of its own, for other tests")
	}
	switch args[0] {
	case "echo":
		ln, err := listener.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(os.Stderr, ln.Addr())
		go listener.ServeEvents(ln, echoEvents)
	case "dial":
		n, _ := strconv.Atoi(args[2])
		for range n {
			c, err := net.Dial("tcp", args[1])
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.Write([]byte("x"))
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintln(os.Stderr, "dialled")
	}
	io.Copy(io.Discard, os.Stdin)
}

// process starts the test binary as what it is told, by way of the given
// command if any, and returns its first line and a function that ends it.
func process(t *testing.T, task string, by ...string) (line string, end func()) {
	t.Helper()
	by = append(by, os.Args[0], "-test.run=^TestEventProcess$")
	cmd := exec.Command(by[0], by[1:]...)
	cmd.Env = append(os.Environ(), processVariable+"="+task, "GOMAXPROCS=1")
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
	lines := bufio.NewReader(stderr)
	if line, err = lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), func() {
		stdin.Close()
		io.Copy(io.Discard, lines)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// eventCalls runs an echo server under strace, sends rounds requests on each
// of 16 connections, and returns how often it made each system call.
func eventCalls(t *testing.T, strace string, rounds int) map[string]float64 {
	out := filepath.Join(t.TempDir(), "calls")
	address, end := process(t, "echo", strace, "-f", "-c", "-U", "calls,name", "-o", out)
	peers := make([]net.Conn, 16)
	for i := range peers {
		peers[i] = dialTo(t, address)
	}
	buf := make([]byte, 64)
	for range rounds {
		for _, c := range peers {
			c.Write(buf)
		}
		for _, c := range peers {
			if _, err := io.ReadFull(c, buf); err != nil {
				t.Fatal(err)
			}
		}
	}
	end()
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 {
			calls[f[1]], _ = strconv.ParseFloat(f[0], 64)
		}
	}
	return calls
}

// What a request costs is the difference between a run with many and one with
// few: starting, accepting and ending cancel out.
func TestEventCostsOneReadAndOneWrite(t *testing.T) {
	if raceDetector {
		t.Skip("a program without the race detector is what counts")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: system calls can't be counted")
	}
	const few, many = 20, 220
	a, b := eventCalls(t, strace, few), eventCalls(t, strace, many)
	for name, most := range map[string]float64{"recvfrom": 1.01, "sendto": 1.01, "read": 0.01, "write": 0.01, "epoll_ctl": 0.001,
		"ppoll": 0.001, "poll": 0.001, "futex": 0.5, "epoll_pwait": 1.01} {
		per := (b[name] - a[name]) / (16 * (many - few))
		t.Logf("%s: %.3f a request", name, per)
		if per > most {
			t.Errorf("%s: %.3f a request, want at most %.3f", name, per, most)
		}
		if (name == "recvfrom" || name == "sendto") && per < 0.99 {
			t.Error("fewer reads or writes than requests: strace did not count")
		}
	}
}

// The peer allocates nothing either, or its share would be counted too.
func TestEventAllocatesNothing(t *testing.T) {
	c := dialTo(t, serveEvents(t, &listener.EventServer{Events: echoEvents}))
	buf := make([]byte, 64)
	if n := testing.AllocsPerRun(2000, func() {
		c.Write(buf)
		io.ReadFull(c, buf)
	}); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}

func eventHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// After a request a connection has no goroutine and no buffer.
func TestIdleEventConnectionTakesLittleMemory(t *testing.T) {
	const most = 335 // an idle *conn.TCPConn takes about 235
	n := 15000
	if testing.Short() {
		n = 3000
	}
	s := &listener.EventServer{Events: echoEvents}
	address := serveEvents(t, s)
	_, end := process(t, fmt.Sprintf("dial %s 100", address))
	defer end()
	goroutines, before := runtime.NumGoroutine(), eventHeap()
	_, end2 := process(t, fmt.Sprintf("dial %s %d", address, n))
	defer end2()
	each := float64(eventHeap()-before) / float64(n)
	t.Logf("%d idle connections: %.0f bytes of heap each", n, each)
	if got := s.Stats().Conns; got != int64(n+100) {
		t.Errorf("%d connections", got)
	}
	if each > most && !shadowed {
		t.Errorf("%.0f bytes of heap each, want at most %d", each, most)
	}
	// The helper process and its pipes may add a few.
	if more := runtime.NumGoroutine() - goroutines; more > 10 {
		t.Errorf("%d goroutines more", more)
	}
}
