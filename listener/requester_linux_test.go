package listener_test

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// requester returns a function that makes one request of 64 bytes, with
// blocking system calls alone: what is allocated is the server's doing.
func requester(tb testing.TB, to net.Addr) func() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(fd) })
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: to.(*net.TCPAddr).Port}); err != nil {
		tb.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 120}); err != nil {
		tb.Fatal(err)
	}
	out, in := make([]byte, 64), make([]byte, 64)
	return func() {
		if n, err := unix.Write(fd, out); n != len(out) || err != nil {
			tb.Fatalf("%d bytes written: %v", n, err)
		}
		for have := 0; have < len(in); {
			n, err := unix.Read(fd, in[have:])
			if err == unix.EINTR {
				continue
			}
			if err != nil || n == 0 {
				tb.Fatalf("%d bytes came back, then %d: %v", have, n, err)
			}
			have += n
		}
	}
}
