package listener_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/listener"
)

// runLoris is the other process of TestParkSlowLorisInFull. From the first line
// of its input on, each of its connections sends a byte of a header a second
// until the server closes it. It then says after how many milliseconds the
// first was closed, and the last.
func runLoris(addr string, n int) error {
	conns := make([]net.Conn, n)
	for i := range conns {
		var err error
		if conns[i], err = net.Dial("tcp", addr); err != nil {
			return err
		}
	}
	fmt.Println("dialled")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	lasted := make([]time.Duration, n)
	failed := make(chan error, n)
	var all sync.WaitGroup
	for i, c := range conns {
		all.Go(func() {
			var err error
			if lasted[i], err = trickle(c); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	first, last := lasted[0], lasted[0]
	for _, d := range lasted {
		first, last = min(first, d), max(last, d)
	}
	fmt.Println(first.Milliseconds(), last.Milliseconds())
	return nil
}

// trickle sends a byte a second until the peer closes c, and returns for how
// long that took.
func trickle(c net.Conn) (time.Duration, error) {
	const header = "GET / HTTP/1.1\r\nHost: slow\r\nX-Patience: "
	began := time.Now()
	for i := 0; time.Since(began) < time.Minute; i++ {
		b := byte('x')
		if i < len(header) {
			b = header[i]
		}
		if _, err := c.Write([]byte{b}); err != nil {
			return time.Since(began), nil
		}
		c.SetReadDeadline(began.Add(time.Duration(i+1) * time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return time.Since(began), nil // it is told why, or not
		}
	}
	return 0, errors.New("a connection is still open after a minute")
}

// As many connections as a process can have that send a byte a second hold no
// goroutine before their first byte, and are closed when ReadHeaderTimeout has
// passed after it. Others are served meanwhile.
func TestParkSlowLorisInFull(t *testing.T) {
	const timeout = 5 * time.Second
	n := 15000
	switch {
	case testing.Short() && raceDetector:
		n = 300
	case testing.Short() || raceDetector:
		n = 2000
	}
	s := servePark(t, &http.Server{Handler: echoPath, ReadHeaderTimeout: timeout}, listener.FirstByte(5*time.Minute))
	before := runtime.NumGoroutine()
	attack := startClients(t, "loris", s.addr, n)
	s.awaitStats(t, listener.ParkStats{Silent: n})
	if more := runtime.NumGoroutine() - before; more > 5 { // the other process's pipes
		t.Errorf("%d goroutines more for %d connections that have sent nothing", more, n)
	}
	io.WriteString(attack.in, "\n")
	for s.park.Stats().Silent > n/2 {
		time.Sleep(time.Millisecond) // there is no event for it
	}
	began := time.Now()
	c := s.dial(t)
	if got := get(t, c, bufio.NewReader(c), "/meanwhile"); got != "/meanwhile" {
		t.Errorf("got %q", got)
	}
	t.Logf("amid %d connections a request took %v", n, time.Since(began))
	c.Close()
	line, err := attack.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var first, last int
	if _, err := fmt.Sscan(line, &first, &last); err != nil {
		t.Fatal(err)
	}
	t.Logf("closed after %d to %d ms", first, last)
	if first < int(timeout.Milliseconds()) || last > int((timeout+30*time.Second).Milliseconds()) {
		t.Errorf("closed after %d to %d ms, want %v", first, last, timeout)
	}
	s.awaitStats(t, listener.ParkStats{})
	for until := time.Now().Add(time.Minute); runtime.NumGoroutine() > before+5; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d goroutines are left, there were %d", runtime.NumGoroutine(), before)
		}
	}
}
