//go:build unix

package registration_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/netpoll"
)

// pipe returns both ends of a pipe, closed when the test ends.
func pipe(t testing.TB) (r, w netpoll.FD) {
	t.Helper()
	var fds [2]int
	must(t, unix.Pipe(fds[:]))
	for _, fd := range fds {
		must(t, unix.SetNonblock(fd, true))
		t.Cleanup(func() { unix.Close(fd) })
	}
	return netpoll.FD(fds[0]), netpoll.FD(fds[1])
}

// fill makes the other end of the pipe w readable.
func fill(t testing.TB, w netpoll.FD) {
	t.Helper()
	_, err := unix.Write(int(w), []byte{1})
	must(t, err)
}

// drain empties the pipe r.
func drain(t testing.TB, r netpoll.FD) {
	t.Helper()
	_, err := unix.Read(int(r), make([]byte, 64))
	must(t, err)
}

// told polls and demands exactly these events: the system knows of them at once.
func (p *poller) told(want ...event) {
	p.t.Helper()
	p.expect(want...)
}
