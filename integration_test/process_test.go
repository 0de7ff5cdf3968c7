package integration_test

import (
	"bufio"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program returns the path of a program, and skips the test where there is
// none. The package is Debian's.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed (Debian package %s): %v", name, pkg, err)
	}
	return path
}

// start runs a program until the test ends, and returns when a line of its
// output contains ready; that line is returned.
func start(t *testing.T, ready, path string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		defer close(found)
		var all strings.Builder
		sent := false
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if sent {
				continue // read on, so that the program is not held up
			}
			all.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), ready) {
				found <- lines.Text()
				sent = true
			}
		}
		if !sent {
			found <- "\n" + all.String()
		}
	}()
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		w.Close()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	select {
	case line := <-found:
		if strings.HasPrefix(line, "\n") {
			t.Fatalf("%s ended early:%s", path, line)
		}
		return line
	case <-time.After(3 * time.Minute):
		t.Fatalf("%s did not say %q", path, ready)
		return ""
	}
}

// freeAddress returns an address on which nobody listens. Where the system has
// more of them it is of a host that no connection begins at, so that none can
// be given the port before the program has it.
func freeAddress(t *testing.T) (host, port string) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.99.0.1:0")
	if err != nil {
		ln, err = net.Listen("tcp4", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	host, port, err = net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}
