//go:build unix

package conn_test

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A listener whose queue is full is std's error too: dialling a Unix socket
// does not wait.
func TestUnixDialToAFullQueue(t *testing.T) {
	same(t, func(t *testing.T, s stack, tr *transcript) {
		path := filepath.Join(directory(t), "s")
		tr.rename(path, "PATH")
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		unix.Bind(fd, &unix.SockaddrUnix{Name: path})
		if err := unix.Listen(fd, 0); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			c, err := s.dial("unix", path)
			tr.add("%v, %v", c == nil, err)
			if err != nil {
				return
			}
			defer c.Close()
		}
	})
}
