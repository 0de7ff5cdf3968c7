package runtime

import (
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/internal/sys"
)

// eventAtOnce is false: what Winsock knows comes from the driver as a packet of its
// own, whenever that has got to it.
const eventAtOnce = false

// socketPair returns two connected sockets that do not block.
func socketPair(t testing.TB) (pair [2]int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ln, err := sys.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(err)
	defer sys.Close(ln)
	must(sys.Bind(ln, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(sys.Listen(ln, 1))
	at, err := sys.Getsockname(ln)
	must(err)
	pair[0], err = sys.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(err)
	if err := sys.Connect(pair[0], at); err != syscall.EINPROGRESS {
		must(err)
	}
	for end := time.Now().Add(10 * time.Second); ; {
		var from sys.RawAddr
		s, errno := sys.Accept(ln, &from)
		if errno == 0 {
			pair[1] = s
			for _, s := range pair { // as much as a Unix socket takes
				must(sys.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_SNDBUF, 16<<10))
				must(sys.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16<<10))
			}
			return pair
		}
		if errno != syscall.EAGAIN || time.Now().After(end) {
			t.Fatal(errno)
		}
	}
}

// See socketpair_unix_test.go.

func blockAMinute(t testing.TB, peer int) {
	t.Helper()
	const receiveTimeout = 0x1006 // SO_RCVTIMEO
	if err := sys.SetsockoptInt(peer, syscall.SOL_SOCKET, receiveTimeout, int(time.Minute.Milliseconds())); err != nil {
		t.Fatal(err)
	}
	if err := sys.SetNonblock(peer, false); err != nil {
		t.Fatal(err)
	}
}

func writePeer(peer int, p []byte) (int, error) { return withError(sys.Write(peer, p)) }
func readPeer(peer int, p []byte) (int, error)  { return withError(sys.Read(peer, p)) }

func withError(n int, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return n, errno
	}
	return n, nil
}

func endPeer(peer int) { sys.Shutdown(peer, syscall.SHUT_WR) }

// openFDs returns nothing to compare: the handles of a process are not its
// sockets alone. Package netpoll's tests count what is left of a Poll.
func openFDs(testing.TB) int { return 0 }
