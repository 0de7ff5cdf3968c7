package conn_test

import (
	"testing"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// AF_UNIX came with Windows 10.
func TestUnixStreamsOnWindows(t *testing.T) {
	probe, err := windows.Socket(windows.AF_UNIX, windows.SOCK_STREAM, 0)
	if err == windows.WSAEAFNOSUPPORT {
		t.Skipf("this Windows has no Unix sockets, nor has Wine: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	windows.Closesocket(probe)
	ln := open(listener.Listen("unix", t.TempDir()+`\s`))(t)
	done := make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err == nil {
			_, err = c.Write([]byte("hello"))
			c.Close()
		}
		done <- err
	}()
	c := open(conn.Dial("unix", ln.Addr().String()))(t)
	buf := make([]byte, 10)
	if n, err := c.Read(buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
