package listener_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// Tests of memory have the other ends in a second process: the test binary,
// told by the environment what to be. They are for Linux alone because Wine takes
// minutes for their thousands of connections.
func TestMain(m *testing.M) {
	if args := os.Getenv("MOOR_TEST_CLIENTS"); args != "" {
		if err := runClients(strings.Fields(args)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// clients are keep-alive connections in another process, which sends a request
// on every one of them and checks all answers at each call of round.
type clients struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startClients dials n connections to addr. scheme is "http" or "https", or what
// else runClients knows.
func startClients(t testing.TB, scheme, addr string, n int) *clients {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("MOOR_TEST_CLIENTS=%s %s %d", scheme, addr, n))
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
	c := &clients{cmd, in, bufio.NewReader(out)}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	c.expect(t, "dialled")
	return c
}

func (c *clients) expect(t testing.TB, want string) {
	t.Helper()
	if got, err := c.out.ReadString('\n'); got != want+"\n" {
		t.Fatalf("the clients said %q, %v; want %q", got, err, want)
	}
}

// round makes all clients send at once and returns when all have been answered.
func (c *clients) round(t testing.TB) {
	t.Helper()
	fmt.Fprintln(c.in)
	c.expect(t, "answered")
}

// runClients is the other process.
func runClients(args []string) error {
	scheme, addr := args[0], args[1]
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	if scheme == "loris" {
		return runLoris(addr, n)
	}
	conns := make([]net.Conn, n)
	for i := range conns {
		if conns[i], err = net.Dial("tcp", addr); err != nil {
			return err
		}
		if scheme == "https" {
			c := tls.Client(conns[i], &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
			if err := c.Handshake(); err != nil {
				return err
			}
			conns[i] = c
		}
	}
	fmt.Println("dialled")
	in := bufio.NewReader(os.Stdin)
	reader := bufio.NewReader(nil)
	for round := 0; ; round++ {
		if _, err := in.ReadString('\n'); err != nil {
			return nil
		}
		for i, c := range conns {
			if _, err := fmt.Fprintf(c, "GET /%d/%d HTTP/1.1\r\nHost: h\r\n\r\n", round, i); err != nil {
				return err
			}
		}
		for i, c := range conns {
			reader.Reset(c)
			resp, err := http.ReadResponse(reader, nil)
			if err != nil {
				return fmt.Errorf("connection %d in round %d: %w", i, round, err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			if want := fmt.Sprintf("/%d/%d", round, i); string(body) != want {
				return fmt.Errorf("got %q, want %q", body, want)
			}
			if reader.Buffered() > 0 {
				return errors.New("more than an answer")
			}
		}
		fmt.Println("answered")
	}
}
