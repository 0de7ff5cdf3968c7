package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// members are a room's clients in another process. Every one of them checks
// every message.
type members struct{ *peers }

// say makes the member with the given number say the next message, and returns
// when all have heard it.
func (m members) say(t *testing.T, member, size int) {
	t.Helper()
	fmt.Fprintln(m.in, member, size)
	m.expect(t, "heard")
}

// spoken is message number i of a room.
func spoken(i, size int) []byte {
	return binary.BigEndian.AppendUint32(content(byte(i), size), uint32(i))
}

// runMembers is the other process.
func runMembers(address string, n int) error {
	conns := make([]net.Conn, n)
	for i := range conns {
		c, early, _, err := ws.Dial(context.Background(), "ws://"+address)
		if err != nil {
			return err
		}
		if early != nil {
			return fmt.Errorf("member %d has heard something before anything was said", i)
		}
		conns[i] = c
	}
	fmt.Println("connected")
	in := bufio.NewReader(os.Stdin)
	for i := 0; ; i++ {
		var member, size int
		if _, err := fmt.Fscanln(in, &member, &size); err != nil {
			return nil // the end
		}
		want := spoken(i, size)
		if err := wsutil.WriteClientBinary(conns[member], want); err != nil {
			return err
		}
		var wg sync.WaitGroup
		failed := make(chan error, n)
		for j := range conns {
			wg.Go(func() {
				conns[j].SetReadDeadline(time.Now().Add(time.Minute))
				got, _, err := wsutil.ReadServerData(conns[j])
				if err != nil || !bytes.Equal(got, want) {
					failed <- fmt.Errorf("member %d: message %d of %d bytes is %d bytes, or another: %v", j, i, len(want), len(got), err)
				}
			})
		}
		wg.Wait()
		select {
		case err := <-failed:
			return err
		default:
		}
		fmt.Println("heard")
	}
}

// 15,000 WebSockets that are idle hold no goroutine and little memory, and
// every message reaches every one of them, in order.
func TestBroadcastToIdleWebSockets(t *testing.T) {
	most := 450.0
	if runtime.GOOS == "windows" {
		most = 700 // a connection takes 250 bytes more there
	}
	n := 15000
	if testing.Short() || raceDetector {
		n = 1000
	}
	s := newStack(t)
	ln := s.listen(t)
	r, end, err := openRoom(ln)
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{1, 121, 122, 4000, 70_000, 0}
	goroutinesAtOnce(n)
	warm := members{startPeers(t, "members", ln.Addr().String(), 50)}
	waitForMembers(t, r, 50)
	for i, size := range sizes {
		warm.say(t, i, size)
	}
	warm.end()
	waitForMembers(t, r, 0)
	rest(t)
	goroutines, before := runtime.NumGoroutine(), heapAndStack()
	m := members{startPeers(t, "members", ln.Addr().String(), n)}
	waitForMembers(t, r, n)
	rest(t)
	awaitGoroutines(t, goroutines+5) // the other process's
	each := float64(heapAndStack()-before) / float64(n)
	t.Logf("%d idle WebSockets: %.0f bytes of heap and stack each", n, each)
	if each > most && !raceDetector {
		t.Errorf("%.0f bytes each, want at most %.0f", each, most)
	}
	began := time.Now()
	for i, size := range sizes {
		m.say(t, i*(n-1)/(len(sizes)-1), size)
	}
	t.Logf("%d messages to each, heard and checked in %v", len(sizes), time.Since(began))
	if err := end(); err != nil {
		t.Errorf("Shutdown returned %v", err)
	}
	if got := r.size(); got != 0 {
		t.Errorf("%d members are left", got)
	}
}

// waitForMembers waits until the room has n members. A client knows that it was
// upgraded before the room has taken it in, and that it has gone before the
// room has noticed.
func waitForMembers(t *testing.T, r *room, n int) {
	t.Helper()
	for until := time.Now().Add(time.Minute); r.size() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d members after a minute, want %d", r.size(), n)
		}
	}
}

// rest waits until the pools' goroutines have gone.
func rest(t *testing.T) {
	t.Helper()
	for until := time.Now().Add(time.Minute); strings.Contains(stacks(), "ants/v2.(*goWorker"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("workers are still there")
		}
	}
}

// heapAndStack returns the bytes of live heap and of stacks.
func heapAndStack() int64 {
	live := heap()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return live + int64(m.StackInuse)
}
