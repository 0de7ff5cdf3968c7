package integration_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

const peersVariable = "MOOR_TEST_PEERS"

// TestMain makes the test binary the other process of tests with more
// connections than one process may have descriptors for.
func TestMain(m *testing.M) {
	args := os.Getenv(peersVariable)
	if args == "" {
		os.Exit(m.Run())
	}
	var kind, address string
	var n int
	_, err := fmt.Sscan(args, &kind, &address, &n)
	switch {
	case err != nil:
	case kind == "members":
		err = runMembers(address, n)
	case kind == "requests":
		err = runRequests(address, n)
	default:
		err = fmt.Errorf("unknown kind of peers: %q", kind)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// peers are the other ends of many connections, in another process.
type peers struct {
	in  io.Writer
	out *bufio.Reader
	end func() // closes all
}

func startPeers(t *testing.T, kind, address string, n int) *peers {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", peersVariable, kind, address, n))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &peers{in, bufio.NewReader(out), sync.OnceFunc(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		cancel()
	})}
	t.Cleanup(p.end)
	p.expect(t, "connected")
	return p
}

func (p *peers) expect(t *testing.T, want string) {
	t.Helper()
	if got, err := p.out.ReadString('\n'); got != want+"\n" {
		t.Fatalf("the peers said %q, %v; want %q", got, err, want)
	}
}

// round makes every one of the peers of runRequests send a request, and returns
// when all have been answered.
func (p *peers) round(t *testing.T) {
	t.Helper()
	fmt.Fprintln(p.in)
	p.expect(t, "answered")
}

// runRequests is a process of keep-alive connections to an HTTP server that
// answers with the request's path.
func runRequests(address string, n int) error {
	conns := make([]net.Conn, n)
	for i := range conns {
		var err error
		if conns[i], err = net.Dial("tcp", address); err != nil {
			return err
		}
	}
	fmt.Println("connected")
	in, r := bufio.NewReader(os.Stdin), bufio.NewReader(nil)
	for round := 0; ; round++ {
		if _, err := in.ReadString('\n'); err != nil {
			return nil // the end
		}
		for i, c := range conns {
			if _, err := fmt.Fprintf(c, "GET /%d/%d HTTP/1.1\r\nHost: h\r\n\r\n", round, i); err != nil {
				return err
			}
		}
		for i, c := range conns {
			r.Reset(c)
			c.SetReadDeadline(time.Now().Add(time.Minute))
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				return fmt.Errorf("connection %d in round %d: %w", i, round, err)
			}
			body, err := io.ReadAll(resp.Body)
			if want := fmt.Sprintf("/%d/%d", round, i); err != nil || string(body) != want || r.Buffered() > 0 {
				return fmt.Errorf("got %q, %v and %d bytes more; want %q", body, err, r.Buffered(), want)
			}
		}
		fmt.Println("answered")
	}
}
