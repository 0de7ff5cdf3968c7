//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build builds the program and returns its path.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "http_example")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// process is the built program, running.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr bytes.Buffer
	url    string
}

func startProcess(t *testing.T, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(path, append([]string{"-addr", "127.0.0.1:0"}, args...)...)}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewReader(stdout)
	p.cmd.Stderr = &p.stderr
	p.cmd.WaitDelay = time.Minute
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	p.url = p.expect(`serving (http\S+)/ on`)
	p.expect(`(Ctrl-C drains)`)
	return p
}

// expect returns what pattern's group matches in the next line of output.
func (p *process) expect(pattern string) string {
	p.t.Helper()
	line, err := p.stdout.ReadString('\n')
	match := regexp.MustCompile(pattern).FindStringSubmatch(line)
	if match == nil {
		p.t.Fatalf("output %q (%v), want one like %s", line, err, pattern)
	}
	return match[1]
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// status waits for the end and returns the exit status.
func (p *process) status() int {
	p.t.Helper()
	killer := time.AfterFunc(time.Minute, func() { p.cmd.Process.Kill() })
	defer killer.Stop()
	if _, err := io.Copy(io.Discard, p.stdout); err != nil {
		p.t.Error(err)
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// stream opens the page's stream, which no request ends.
func (p *process) stream() io.Reader {
	p.t.Helper()
	response, err := http.Get(p.url + "/events")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { response.Body.Close() })
	return response.Body
}

func TestProcess(t *testing.T) {
	path := build(t)

	for name, signal := range map[string]os.Signal{"SIGINT": os.Interrupt, "SIGTERM": syscall.SIGTERM} {
		for _, listener := range []string{"-std=false", "-std"} {
			t.Run(name+" drains, "+listener, func(t *testing.T) {
				t.Parallel()
				p := startProcess(t, path, listener)
				stream := p.stream()
				p.signal(signal)
				p.expect(`(draining 1 connection), `)
				p.expect(`(drained in) `)
				if sent, err := io.ReadAll(stream); err != nil || !strings.HasSuffix(string(sent), "event: bye\ndata: {}\n\n") {
					t.Errorf("the stream ends with %q, %v", sent, err)
				}
				if status := p.status(); status != 0 || p.stderr.Len() > 0 {
					t.Errorf("status %d, stderr %q", status, &p.stderr)
				}
			})
		}
	}

	t.Run("a second signal stops at once", func(t *testing.T) {
		t.Parallel()
		p := startProcess(t, path)
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// A request whose body doesn't come would hold the drain up.
		io.WriteString(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n.")
		if answer, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Fatalf("%q, %v", answer, err)
		}
		p.signal(os.Interrupt)
		p.expect(`(draining 1 connection), `)
		began := time.Now()
		p.signal(os.Interrupt)
		status := p.status()
		if status != 1 || p.stderr.String() != "http_example: stopped at once, 1 connection cut\n" {
			t.Errorf("status %d, stderr %q", status, &p.stderr)
		}
		if took := time.Since(began); took > drainTimeout/2 {
			t.Errorf("it took %v", took)
		}
	})

	t.Run("an address in use", func(t *testing.T) {
		t.Parallel()
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(path, "-addr", taken.Addr().String())
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("ended with %v", err)
		}
		if stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
		}
	})
}
