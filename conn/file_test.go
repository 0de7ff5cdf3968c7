//go:build unix

package conn_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// filer is whatever gives a duplicate of its descriptor away.
type filer interface{ File() (*os.File, error) }

func fileOf(t testing.TB, c any) *os.File {
	t.Helper()
	return open(c.(filer).File())(t)
}

// sockets returns files of all kinds, made by package net and the system.
func sockets(t *testing.T) map[string]*os.File {
	t.Helper()
	dir := directory(t)
	files := make(map[string]*os.File)
	tcp := open(net.Listen("tcp4", "127.0.0.1:0"))(t)
	files["tcp listener"] = fileOf(t, tcp)
	c := open(net.Dial("tcp", tcp.Addr().String()))(t)
	files["tcp"] = fileOf(t, c)
	if ln, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		defer ln.Close()
		files["tcp6 listener"] = fileOf(t, ln)
		files["tcp6"] = fileOf(t, open(net.Dial("tcp", ln.Addr().String()))(t))
	}
	udp := open(net.ListenPacket("udp", ":0"))(t)
	peer := open(net.ListenPacket("udp4", "127.0.0.1:0"))(t)
	files["udp"] = fileOf(t, udp)
	files["udp connected"] = fileOf(t, open(net.Dial("udp", peer.LocalAddr().String()))(t))
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
		files["raw IP"] = os.NewFile(uintptr(s), "raw")
	}
	for name, f := range map[string]func() (*os.File, error){
		"regular": func() (*os.File, error) { return os.Create(filepath.Join(dir, "regular")) },
		"null":    func() (*os.File, error) { return os.Open(os.DevNull) },
		"closed":  func() (*os.File, error) { f, err := os.Open(os.DevNull); f.Close(); return f, err },
	} {
		f, err := f()
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	t.Cleanup(func() {
		for _, f := range files {
			f.Close()
		}
	})
	return files
}

// What becomes of every kind of file: the type, the addresses or the error.
func TestFilesBecomeWhatTheyDoInStd(t *testing.T) {
	files := sockets(t)
	same(t, func(t *testing.T, s stack, tr *transcript) {
		typeOf := func(v any) string {
			return strings.NewReplacer("*conn.", "*net.", "*listener.", "*net.").Replace(fmt.Sprintf("%T", v))
		}
		for _, name := range sortedKeys(files) {
			f := files[name]
			c, err := s.fileConn(f)
			tr.add("%s: FileConn %s, %v", name, typeOf(c), err)
			if err == nil {
				tr.add("%#v %#v", fmt.Sprint(c.LocalAddr()), fmt.Sprint(c.RemoteAddr()))
				if !strings.Contains(name, "listener") {
					c.SetDeadline(past)
					_, err := c.Read(make([]byte, 1))
					tr.add("%v", err)
					c.SetDeadline(time.Time{})
				}
				control(t, c.(syscall.Conn), func(fd int) { tr.add("%v", options(fd)) })
				tr.add("%v", c.Close())
			}
			p, err := s.filePacketConn(f)
			tr.add("%s: FilePacketConn %s, %v", name, typeOf(p), err)
			if err == nil {
				tr.add("%#v", fmt.Sprint(p.LocalAddr()))
				n, err := p.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9})
				tr.add("%d %v", n, err)
				tr.add("%v", p.Close())
			}
			l, err := s.fileListener(f)
			tr.add("%s: FileListener %s, %v", name, typeOf(l), err)
			if err == nil {
				tr.add("%#v", fmt.Sprint(l.Addr()))
				tr.add("%v", l.Close())
			}
		}
	})
}

// options returns the options of a TCP socket that package net sets.
func options(fd int) (o [5]int) {
	for i, opt := range [][2]int{{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT}, {unix.SOL_SOCKET, unix.SO_TYPE}} {
		o[i], _ = unix.GetsockoptInt(fd, opt[0], opt[1])
	}
	return o
}

// Connections accepted from a listener that others made have std's options,
// though the listening socket had none of them.
func TestFileListenersConnectionsHaveStdsOptions(t *testing.T) {
	same(t, func(t *testing.T, s stack, tr *transcript) {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(fd), "listener")
		unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		if err := unix.Listen(fd, 5); err != nil {
			t.Fatal(err)
		}
		ln := open(s.fileListener(f))(t)
		f.Close()
		open(net.Dial("tcp", ln.Addr().String()))(t)
		c := open(ln.Accept())(t)
		control(t, c.(syscall.Conn), func(fd int) { tr.add("%v", options(fd)) })
	})
}

// The file may be closed before the connection is used.
func TestFileConnOutlivesTheFile(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = filepath.Join(directory(t), "s")
		}
		ln := open(net.Listen(network, address))(t)
		f := fileOf(t, ln)
		if l, ok := ln.(*net.UnixListener); ok {
			l.SetUnlinkOnClose(false)
		}
		ln.Close()
		again := open(listener.FileListener(f))(t)
		f.Close()
		dialled := open(net.Dial(network, again.Addr().String()))(t)
		accepted := open(again.Accept())(t)
		f = fileOf(t, dialled)
		dialled.Close()
		ours := open(conn.FileConn(f))(t)
		f.Close()
		echo(t, ours, accepted)
		echo(t, accepted, ours)
		ours.Close()
		if n, err := accepted.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%s: after Close the peer reads %d, %v", network, n, err)
		}
	}
}

func echo(t *testing.T, from, to net.Conn) {
	t.Helper()
	to.SetDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 5)
	if _, err := from.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(to, buf); err != nil || string(buf) != "hello" {
		t.Fatalf("read %q, %v", buf, err)
	}
}

// Detach gives the descriptor away once, with what was received on it.
func TestDetachedConnectionsGoOnElsewhere(t *testing.T) {
	for _, network := range []string{"tcp", "unix", "unixpacket"} {
		address := "127.0.0.1:0"
		if network != "tcp" {
			address = filepath.Join(directory(t), "s")
		}
		ln := listen(t, network, address)
		peer := open(net.Dial(network, ln.Addr().String()))(t)
		c := open(ln.Accept())(t).(interface {
			net.Conn
			Detach() (*os.File, error)
		})
		local := c.LocalAddr().String()
		blocked := make(chan error, 1)
		go func() { _, err := c.Read(make([]byte, 1)); blocked <- err }()

		var detached atomic.Pointer[os.File]
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				f, err := c.Detach()
				switch {
				case err == nil:
					if !detached.CompareAndSwap(nil, f) {
						t.Error("detached twice")
					}
				case !errors.Is(err, net.ErrClosed):
					t.Errorf("%s: second Detach: %v", network, err)
				}
			})
		}
		wg.Wait()
		if err := <-blocked; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: blocked Read: %v", network, err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: Write after Detach: %v", network, err)
		}
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: Close after Detach: %v", network, err)
		}
		if c.LocalAddr().String() != local {
			t.Errorf("%s: local address %v after Detach", network, c.LocalAddr())
		}
		f := detached.Load()
		if f == nil {
			t.Fatalf("%s: not detached", network)
		}
		// The peer has noticed nothing, and what it sends is there for the
		// next owner.
		if _, err := peer.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		f.SetDeadline(time.Now().Add(time.Minute))
		buf := make([]byte, 5)
		if _, err := io.ReadFull(f, buf); err != nil || string(buf) != "hello" {
			t.Errorf("%s: the file reads %q, %v", network, buf, err)
		}
		again := open(conn.FileConn(f))(t)
		f.Close()
		echo(t, peer, again)
		echo(t, again, peer)
	}
}

func TestDetachedListenersGoOnElsewhere(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		address := "127.0.0.1:0"
		if network == "unix" {
			address = filepath.Join(directory(t), "s")
		}
		ln := listen(t, network, address)
		address = ln.Addr().String()
		blocked := make(chan error, 1)
		go func() { _, err := ln.Accept(); blocked <- err }()
		f := open(ln.(interface{ Detach() (*os.File, error) }).Detach())(t)
		if err := <-blocked; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: blocked Accept: %v", network, err)
		}
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: Close after Detach: %v", network, err)
		}
		peer := open(net.Dial(network, address))(t) // it waits in the queue
		again := open(net.FileListener(f))(t)
		f.Close()
		echo(t, open(again.Accept())(t), peer)
	}
}

func TestDetachedPacketConnsGoOnElsewhere(t *testing.T) {
	c := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	out := open(net.Dial("udp4", c.LocalAddr().String()))(t)
	out.Write([]byte("hello"))
	f := open(c.Detach())(t)
	if _, _, err := c.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ReadFrom after Detach: %v", err)
	}
	again := open(conn.FilePacketConn(f))(t)
	f.Close()
	again.SetDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 10)
	if n, from, err := again.ReadFrom(buf); err != nil || string(buf[:n]) != "hello" || from.String() != out.LocalAddr().String() {
		t.Errorf("read %q from %v, %v", buf[:n], from, err)
	}
}
