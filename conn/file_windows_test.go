package conn_test

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sockerr"
)

// addSystemsSockets has nothing to add: Windows has no pairs of sockets, and of
// Unix sockets only streams, of which no files are made.
func addSystemsSockets(*testing.T, map[string]*os.File) {}

// options returns the options of a TCP socket that package net sets; Wine has no
// others.
func options(fd int) (o [3]int) {
	const soType = 0x1008
	for i, opt := range [][2]int{{windows.IPPROTO_TCP, windows.TCP_NODELAY}, {windows.SOL_SOCKET, windows.SO_KEEPALIVE},
		{windows.SOL_SOCKET, soType}} {
		o[i], _ = windows.GetsockoptInt(windows.Handle(fd), opt[0], opt[1])
	}
	return o
}

// Package os closes the file of a socket with CloseHandle, since only package net
// can make one that calls closesocket. To the peer and the system it is the same:
// the connection ends when its last owner has closed, at once with a linger of
// zero, and no handle stays.
func TestFilesCloseLikeSockets(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	ended := func(t *testing.T, peer net.Conn, want func(n int, err error) bool) {
		t.Helper()
		peer.SetDeadline(time.Now().Add(time.Minute))
		if n, err := peer.Read(make([]byte, 1)); !want(n, err) {
			t.Errorf("the peer reads %d, %v", n, err)
		}
	}
	end := func(n int, err error) bool { return n == 0 && err == io.EOF }
	reset := func(n int, err error) bool { return n == 0 && sockerr.Reset(err) }
	for name, test := range map[string]struct {
		release func(t *testing.T, c *conn.TCPConn) []io.Closer // in this order
		want    func(n int, err error) bool
	}{
		"File, closed last":  {func(t *testing.T, c *conn.TCPConn) []io.Closer { return []io.Closer{c, fileOf(t, c)} }, end},
		"File, closed first": {func(t *testing.T, c *conn.TCPConn) []io.Closer { return []io.Closer{fileOf(t, c), c} }, end},
		"Detach":             {func(t *testing.T, c *conn.TCPConn) []io.Closer { return []io.Closer{open(c.Detach())(t)} }, end},
		"Detach, with a linger of zero": {func(t *testing.T, c *conn.TCPConn) []io.Closer {
			c.SetLinger(0)
			return []io.Closer{open(c.Detach())(t)}
		}, reset},
	} {
		t.Run(name, func(t *testing.T) {
			round := func() {
				dialled, err := conn.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer dialled.Close()
				accepted, err := ln.Accept()
				if err != nil {
					t.Fatal(err)
				}
				owners := test.release(t, accepted.(*conn.TCPConn))
				for i, owner := range owners {
					if i > 0 { // it is open still
						if _, err := dialled.Write([]byte("x")); err != nil {
							t.Fatal(err)
						}
					}
					if err := owner.Close(); err != nil {
						t.Errorf("closing a %T: %v", owner, err)
					}
				}
				ended(t, dialled, func(n int, err error) bool {
					return test.want(n, err) || len(owners) > 1 && reset(n, err) // there was something unread
				})
			}
			for range 5 {
				round()
			}
			before := countDescriptors(t)
			for range 50 {
				round()
			}
			if after := countDescriptors(t); after > before+10 {
				t.Errorf("%d handles, %d before", after, before)
			}
		})
	}
}

// vanishing returns a new file that is gone when it is closed.
func vanishing(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|windows.FILE_FLAG_DELETE_ON_CLOSE, 0o600)
}
