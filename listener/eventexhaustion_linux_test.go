package listener_test

// Windows has no limit of descriptors that a process could set for itself.

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

// Without descriptors an EventServer pauses, says so, and goes on when there
// are some again. The limit is the process's, so the test runs in one of its
// own.
func TestEventServerOutOfDescriptors(t *testing.T) {
	if os.Getenv(exhaustionVariable) == "" {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestEventServerOutOfDescriptors$", "-test.v")
		cmd.Env = append(os.Environ(), exhaustionVariable+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestEventServerOutOfDescriptors") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	const clients, room = 60, 10
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// All are in the listener's queue before anybody accepts them.
	var conns []net.Conn
	for range clients {
		c := dialTo(t, ln.Addr().String())
		io.WriteString(c, "x")
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
	s := &listener.EventServer{Events: echoEvents}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	for !s.Stats().Pausing {
		time.Sleep(time.Millisecond)
	}
	if st := s.Stats(); st.Failed == 0 || st.Accepted >= clients {
		t.Errorf("%+v", st)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &unlimited); err != nil {
		t.Fatal(err)
	}
	for _, c := range conns {
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Error(err)
		}
	}
	if st := s.Stats(); st.Pausing || st.Accepted != clients {
		t.Errorf("afterwards %+v", st)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != listener.ErrServerClosed {
		t.Errorf("Serve returned %v", err)
	}
}
