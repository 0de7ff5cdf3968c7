//go:build unix

package conn_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// addSystemsSockets adds files of sockets that not every system has.
func addSystemsSockets(t *testing.T, files map[string]*os.File) {
	t.Helper()
	dir := directory(t)
	for _, network := range []string{"unix", "unixpacket"} {
		ln := open(net.ListenUnix(network, unixAddr(network, filepath.Join(dir, network))))(t)
		files[network+" listener"] = fileOf(t, ln)
		files[network] = fileOf(t, open(net.Dial(network, ln.Addr().String()))(t))
		fds, err := unix.Socketpair(unix.AF_UNIX, map[string]int{"unix": unix.SOCK_STREAM, "unixpacket": unix.SOCK_SEQPACKET}[network], 0)
		if err != nil {
			t.Fatal(err)
		}
		files[network+" pair"] = os.NewFile(uintptr(fds[0]), "pair")
		files[network+" pair's other end"] = os.NewFile(uintptr(fds[1]), "pair")
	}
	files["unixgram"] = fileOf(t, open(net.ListenPacket("unixgram", filepath.Join(dir, "grams")))(t))
	files["unixgram connected"] = fileOf(t, open(net.Dial("unixgram", filepath.Join(dir, "grams")))(t))
	if s, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP); err == nil { // who may
		files["raw ICMP"] = os.NewFile(uintptr(s), "raw")
	}
}

// options returns the options of a TCP socket that package net sets.
func options(fd int) (o [5]int) {
	for i, opt := range [][2]int{{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT}, {unix.SOL_SOCKET, unix.SO_TYPE}} {
		o[i], _ = unix.GetsockoptInt(fd, opt[0], opt[1])
	}
	return o
}

// vanishing returns a new file that is gone when it is closed.
func vanishing(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = os.Remove(path)
	}
	return f, err
}
