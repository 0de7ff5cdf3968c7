package registration_test

import (
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/netpoll"
)

// readers has the reading end of each pipe by its writing one.
var readers sync.Map

// pipe returns both ends of a connection, closed when the test ends: a Poll takes
// no pipes on Windows. As with a pipe nothing can be written to the reading end:
// what that could send is full.
func pipe(t testing.TB) (r, w netpoll.FD) {
	t.Helper()
	ln, err := sys.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, err)
	defer sys.Close(ln)
	must(t, sys.Bind(ln, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, sys.Listen(ln, 1))
	at, err := sys.Getsockname(ln)
	must(t, err)
	from, err := sys.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, err)
	t.Cleanup(func() { sys.Close(from) })
	if err := sys.Connect(from, at); err != syscall.EINPROGRESS {
		must(t, err)
	}
	awaitReadable(t, ln)
	var peer sys.RawAddr
	to, errno := sys.Accept(ln, &peer)
	if errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() { sys.Close(to) })
	readers.Store(netpoll.FD(from), to)
	must(t, sys.SetsockoptInt(to, syscall.SOL_SOCKET, syscall.SO_SNDBUF, 4<<10))
	must(t, sys.SetsockoptInt(from, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10))
	for chunk, refused := make([]byte, 4<<10), 0; refused < 5; {
		switch _, errno := sys.Write(to, chunk); errno {
		case 0:
			refused = 0
		case syscall.EAGAIN:
			refused++
			time.Sleep(time.Millisecond) // some of it may be on its way
		default:
			t.Fatal(errno)
		}
	}
	return netpoll.FD(to), netpoll.FD(from)
}

func awaitReadable(t testing.TB, s int) {
	t.Helper()
	for end := time.Now().Add(limit); !sys.Readable(s); {
		if time.Now().After(end) {
			t.Fatal("nothing has come")
		}
	}
}

// fill makes the other end of the pipe w readable.
func fill(t testing.TB, w netpoll.FD) {
	t.Helper()
	if _, errno := sys.Write(int(w), []byte{1}); errno != 0 {
		t.Fatal(errno)
	}
	r, _ := readers.Load(w)
	awaitReadable(t, r.(int))
}

// drain empties the pipe r.
func drain(t testing.TB, r netpoll.FD) {
	t.Helper()
	if _, errno := sys.Read(int(r), make([]byte, 64)); errno != 0 {
		t.Fatal(errno)
	}
}

// onItsWay is longer than what the driver has found out takes to come, and shorter
// than what a Poll repeats edges after.
const onItsWay = 5 * time.Millisecond

// told polls until these events have come, and no others, in any order: a socket's
// come as packets of their own.
func (p *poller) told(want ...event) {
	p.t.Helper()
	timeout := limit
	if len(want) == 0 {
		timeout = onItsWay
	}
	var got []event
	for end := time.Now().Add(limit); len(got) <= len(want) && time.Now().Before(end); {
		for _, e := range p.poll(timeout) {
			got = append(got, event{e.Token(), e.Readiness()})
		}
		if len(got) == len(want) {
			break
		}
	}
	byToken := func(a, b event) int { return int(a.token) - int(b.token) }
	slices.SortFunc(got, byToken)
	want = slices.Clone(want)
	slices.SortFunc(want, byToken)
	if !slices.Equal(got, want) {
		p.t.Fatalf("events %v, want %v", got, want)
	}
}
