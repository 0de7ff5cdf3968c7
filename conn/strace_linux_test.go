package conn_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moor-net/moor/listener"
)

// serveEcho is the other process of the strace tests: it prints its address
// and echoes until its standard input ends.
func serveEcho() error {
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				buf := make([]byte, 4096)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					c.Write(buf[:n])
				}
			}()
		}
	}()
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// straced runs an echo server under strace, sends rounds requests on each of
// conns connections, and returns how often the server made each system call.
func straced(t *testing.T, conns, rounds int) map[string]int {
	t.Helper()
	if raceDetector {
		t.Skip("a program without the race detector is what counts")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: system calls can't be counted")
	}
	out := filepath.Join(t.TempDir(), "calls")
	cmd := exec.Command(strace, "-f", "-c", "-U", "calls,name", "-o", out, os.Args[0])
	cmd.Env = append(os.Environ(), "MOOR_TEST_ECHO=1", "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	peers := make([]net.Conn, conns)
	for i := range peers {
		if peers[i], err = net.Dial("tcp", strings.TrimSpace(address)); err != nil {
			t.Fatal(err)
		}
		defer peers[i].Close()
	}
	buf := make([]byte, 64)
	for range rounds {
		for _, c := range peers {
			if _, err := c.Write(buf); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range peers {
			if _, err := io.ReadFull(c, buf); err != nil {
				t.Fatal(err)
			}
		}
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return countCalls(t, out)
}

// What a request costs is the difference between a run with many and one with
// few: starting, accepting and ending cancel out.
func TestRequestCostsOneReadAndOneWrite(t *testing.T) {
	const conns, few, many = 16, 20, 220
	a, b := straced(t, conns, few), straced(t, conns, many)
	requests := float64(conns * (many - few))
	per := func(name string) float64 { return float64(b[name]-a[name]) / requests }
	t.Logf("per request: recvfrom %.3f, sendto %.3f, epoll_pwait %.3f, epoll_ctl %.3f, futex %.3f",
		per("recvfrom"), per("sendto"), per("epoll_pwait"), per("epoll_ctl"), per("futex"))
	for name, most := range map[string]float64{"recvfrom": 1.01, "sendto": 1.01, "read": 0.01, "write": 0.01, "epoll_ctl": 0.001, "epoll_pwait": 1.01} {
		if n := per(name); n > most {
			t.Errorf("%s: %.3f a request, want at most %.3f", name, n, most)
		}
	}
	if per("recvfrom") < 0.99 || per("sendto") < 0.99 {
		t.Error("fewer reads and writes than requests: strace did not count")
	}
}

// Accepting a connection costs accept4 and epoll_ctl; the options are inherited
// and the local address is not asked for.
func TestAcceptCostsTwoSystemCalls(t *testing.T) {
	a, b := straced(t, 10, 1), straced(t, 110, 1)
	for name, most := range map[string]int{"accept4": 205, "epoll_ctl": 101, "setsockopt": 0, "getsockname": 0, "fcntl": 0, "getsockopt": 100} {
		if n := b[name] - a[name]; n > most {
			t.Errorf("%s: %d for 100 connections, want at most %d", name, n, most)
		}
	}
}
