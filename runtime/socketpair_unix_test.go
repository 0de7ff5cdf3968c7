//go:build unix

package runtime

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

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

// openFDs counts the process's descriptors.
func openFDs(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
