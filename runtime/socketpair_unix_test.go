//go:build unix

package runtime

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eventAtOnce says that the next turn has an event that the system knows of.
const eventAtOnce = true

// socketPair returns two connected sockets that do not block.
func socketPair(t testing.TB) [2]int {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range fds {
		unix.CloseOnExec(s)
		unix.SetNonblock(s, true)
	}
	return fds
}

// blockAMinute makes a peer's calls block, its reads for a minute at most.
func blockAMinute(t testing.TB, peer int) {
	t.Helper()
	tv := unix.NsecToTimeval(int64(time.Minute))
	if err := unix.SetsockoptTimeval(peer, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(peer, false); err != nil {
		t.Fatal(err)
	}
}

// writePeer and readPeer block, with which package sys's calls do not reckon.
func writePeer(peer int, p []byte) (int, error) {
	for {
		if n, err := unix.Write(peer, p); err != unix.EINTR {
			return n, err
		}
	}
}

func readPeer(peer int, p []byte) (int, error) {
	for {
		if n, err := unix.Read(peer, p); err != unix.EINTR {
			return n, err
		}
	}
}

// endPeer ends what a peer sends.
func endPeer(peer int) { unix.Shutdown(peer, unix.SHUT_WR) }

// openFDs counts the process's descriptors.
func openFDs(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
