package listener_test

// The other end has to connect without allocating anything, which takes system
// calls of one kind or another; those of Linux will do.

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/listener"
)

// An accepted connection is the object that the program holds and its
// descriptor; package net makes six.
func TestAcceptAllocatesTwoObjects(t *testing.T) {
	ln, err := listener.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	to := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: ln.Addr().(*net.TCPAddr).Port}
	const runs = 500
	// The connections outlive the measurement, in which closing has no part.
	fds, conns := make([]int, 0, runs+1), make([]net.Conn, 0, runs+1)
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
		for _, c := range conns {
			c.Close()
		}
	}()
	n := testing.AllocsPerRun(runs, func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
		if err := unix.Connect(fd, to); err != nil {
			t.Fatal(err)
		}
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	})
	if n > 2 {
		t.Errorf("%v allocations a connection", n)
	}
}
