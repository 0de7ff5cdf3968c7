package listener_test

// Windows has no limit of descriptors that a process could set for itself.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

const exhaustionVariable = "MOOR_TEST_EXHAUSTION"

// The limit is the process's, so the test runs in one of its own.
func TestOutOfDescriptors(t *testing.T) {
	if os.Getenv(exhaustionVariable) != "" {
		testOutOfDescriptors(t)
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "-test.run=^TestOutOfDescriptors$", "-test.v")
	cmd.Env = append(os.Environ(), exhaustionVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestOutOfDescriptors") {
		t.Errorf("%v\n%s", err, out)
	}
}

// limitFor returns the limit that leaves room for so many more descriptors.
func limitFor(t *testing.T, room int) uint64 {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{}
	for _, e := range entries {
		open[e.Name()] = true
	}
	limit := 0
	for ; room > 0; limit++ {
		if !open[strconv.Itoa(limit)] {
			room--
		}
	}
	return uint64(limit)
}

func testOutOfDescriptors(t *testing.T) {
	const clients, room = 100, 20
	rt := newRuntime(t)
	before := takeCensus(t, rt)
	ln, err := (&listener.ListenConfig{Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// All are in the listener's queue before anybody accepts them.
	var conns []net.Conn
	for range clients {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: exhaustion\r\n\r\n")
		conns = append(conns, c)
	}
	var unlimited syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &unlimited); err != nil {
		t.Fatal(err)
	}
	limit := unlimited
	limit.Cur = limitFor(t, room)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}

	lines := make(logLines, 1000)
	srv := &http.Server{
		Handler:  http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "answer") }),
		ErrorLog: log.New(lines, "", 0),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case line := <-lines:
		if !strings.Contains(line, "accept4: too many open files") {
			t.Errorf("the server's log says %q", line)
		}
	case <-time.After(time.Minute):
		t.Fatal("Accept did not fail for lack of descriptors")
	}

	// Nothing can be opened now, and what is refused leaves nothing behind.
	full := len(rt.Stats().Loops)
	for name, open := range map[string]func() (io.Closer, error){
		"Dial":   func() (io.Closer, error) { return (&conn.Dialer{Runtime: rt}).Dial("tcp", ln.Addr().String()) },
		"Listen": func() (io.Closer, error) { return listener.Listen("tcp", "127.0.0.1:0") },
	} {
		c, err := open()
		if !errors.Is(err, syscall.EMFILE) {
			t.Errorf("%s without descriptors returned %v, %v", name, c, err)
		}
	}
	if other, err := moorrt.New(moorrt.Config{Loops: full}); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("a Runtime without descriptors: %v, %v", other, err)
	}

	// Every client that goes makes room for others, until all were served.
	for i, c := range conns {
		c.SetReadDeadline(time.Now().Add(time.Minute))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != "answer" {
			t.Errorf("client %d got %q, %v", i, got, err)
		}
		c.Close()
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &unlimited); err != nil {
		t.Fatal(err)
	}
	if err := srv.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(fmt.Errorf("Serve returned %w", err))
	}
	before.conns = 0
	awaitCensus(t, rt, before)
}
