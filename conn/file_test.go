package conn_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/listener"
)

// filer is whatever gives a duplicate of its descriptor away.
type filer interface{ File() (*os.File, error) }

func fileOf(t testing.TB, c any) *os.File {
	t.Helper()
	return open(c.(filer).File())(t)
}

// packageNetMakesFiles returns why package net makes no files of its sockets here,
// nil if it does. Under Wine it can't take them off its completion port.
func packageNetMakesFiles() error {
	c, err := net.ListenUDP("udp4", loopback("udp4"))
	if err != nil {
		return err
	}
	defer c.Close()
	f, err := c.File()
	if err == nil {
		f.Close()
	}
	return err
}

// needFiles skips the test where package net makes no files of its sockets.
func needFiles(t testing.TB) {
	t.Helper()
	if err := packageNetMakesFiles(); err != nil {
		t.Skip("package net makes no files of its sockets here: ", err)
	}
}

// streams returns the network of TCP and those of these that the system has.
func streams(t testing.TB, unix ...string) []string {
	t.Helper()
	had, _ := present(t, unix...)
	return append([]string{"tcp"}, had...)
}

// socketFile makes a file of a socket of the system's, which prepare has made
// ready.
func socketFile(t testing.TB, family, sotype int, prepare func(s int) error) (*os.File, error) {
	t.Helper()
	s, err := sys.Socket(family, sotype, 0)
	if err != nil {
		return nil, err
	}
	if err := prepare(s); err != nil {
		sys.Close(s)
		t.Fatal(err)
	}
	return os.NewFile(uintptr(s), "socket"), nil
}

// bindTo returns a function that gives a socket its address.
func bindTo(at syscall.Sockaddr) func(s int) error {
	return func(s int) error { return sys.Bind(s, at) }
}

// sockets returns files of all kinds, made by the system and, where it can do
// that, by package net.
func sockets(t *testing.T) map[string]*os.File {
	t.Helper()
	files := make(map[string]*os.File)
	t.Cleanup(func() {
		for _, f := range files {
			f.Close()
		}
	})
	four, six := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, &syscall.SockaddrInet6{Addr: [16]byte{15: 1}}
	add := func(name string, f *os.File, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(name, ": ", err)
		}
		files[name] = f
	}
	for network, at := range map[string]syscall.Sockaddr{"tcp4": four, "tcp6": six} {
		ln, err := net.Listen(network, map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"}[network])
		if err != nil && network == "tcp6" {
			continue // the host has none
		} else if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		to := ln.Addr().(*net.TCPAddr)
		family := syscall.AF_INET
		var there syscall.Sockaddr = &syscall.SockaddrInet4{Addr: four.Addr, Port: to.Port}
		if network == "tcp6" {
			family, there = syscall.AF_INET6, &syscall.SockaddrInet6{Addr: six.Addr, Port: to.Port}
		}
		f, err := socketFile(t, family, syscall.SOCK_STREAM, func(s int) error {
			if err := sys.Bind(s, at); err != nil {
				return err
			}
			return sys.Listen(s, 5)
		})
		add("system's "+network+" listener", f, err)
		f, err = socketFile(t, family, syscall.SOCK_STREAM, func(s int) error {
			if err := sys.Connect(s, there); err != nil && err != syscall.EINPROGRESS {
				return err
			}
			_, err := ln.Accept()
			return err
		})
		add("system's "+network, f, err)
		f, err = socketFile(t, family, syscall.SOCK_DGRAM, bindTo(at))
		add("system's "+network+" datagrams", f, err)
		f, err = socketFile(t, family, syscall.SOCK_DGRAM, func(s int) error { return sys.Connect(s, there) })
		add("system's "+network+" connected datagrams", f, err)
	}
	if f, err := socketFile(t, syscall.AF_INET, syscall.SOCK_RAW, func(int) error { return nil }); err == nil { // who may
		add("raw IP", f, nil)
	}
	if err := packageNetMakesFiles(); err == nil {
		addNetsSockets(t, files)
	} else {
		t.Log("only with files that are no sockets, package net takes no others: ", err)
		for name, f := range files {
			f.Close()
			delete(files, name)
		}
	}
	addSystemsSockets(t, files)
	regular := filepath.Join(directory(t), "regular")
	for name, f := range map[string]func() (*os.File, error){
		"regular": func() (*os.File, error) { return os.Create(regular) },
		"null":    func() (*os.File, error) { return os.Open(os.DevNull) },
		"closed":  func() (*os.File, error) { f, err := os.Open(os.DevNull); f.Close(); return f, err },
	} {
		f, err := f()
		add(name, f, err)
	}
	return files
}

// addNetsSockets adds files that package net makes.
func addNetsSockets(t *testing.T, files map[string]*os.File) {
	t.Helper()
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
}

// What becomes of every kind of file: the type, the addresses or the error.
func TestFilesBecomeWhatTheyDoInStd(t *testing.T) {
	// Each file is of a socket of its own: on Windows package net makes only one
	// connection of a socket. Their addresses differ.
	address := regexp.MustCompile(`:\d+|moor[0-9a-f]{8}`)
	same(t, func(t *testing.T, s stack, tr *transcript) {
		defer func() {
			for i, line := range tr.lines {
				tr.lines[i] = address.ReplaceAllString(line, ":X")
			}
		}()
		typeOf := func(v any) string {
			return strings.NewReplacer("*conn.", "*net.", "*listener.", "*net.").Replace(fmt.Sprintf("%T", v))
		}
		files := sockets(t)
		for _, name := range sortedKeys(files) {
			c, err := s.fileConn(files[name])
			tr.add("%s: FileConn %s, %v", name, typeOf(c), err)
			if err != nil {
				continue
			}
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
		files = sockets(t)
		for _, name := range sortedKeys(files) {
			p, err := s.filePacketConn(files[name])
			tr.add("%s: FilePacketConn %s, %v", name, typeOf(p), err)
			if err != nil {
				continue
			}
			tr.add("%#v", fmt.Sprint(p.LocalAddr()))
			n, err := p.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9})
			tr.add("%d %v", n, err)
			tr.add("%v", p.Close())
		}
		files = sockets(t)
		for _, name := range sortedKeys(files) {
			l, err := s.fileListener(files[name])
			tr.add("%s: FileListener %s, %v", name, typeOf(l), err)
			if err != nil {
				continue
			}
			tr.add("%#v", fmt.Sprint(l.Addr()))
			tr.add("%v", l.Close())
		}
	})
}

// Connections accepted from a listener that others made have std's options,
// though the listening socket had none of them.
func TestFileListenersConnectionsHaveStdsOptions(t *testing.T) {
	needFiles(t)
	same(t, func(t *testing.T, s stack, tr *transcript) {
		f, err := socketFile(t, syscall.AF_INET, syscall.SOCK_STREAM, func(s int) error {
			if err := sys.Bind(s, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				return err
			}
			return sys.Listen(s, 5)
		})
		if err != nil {
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
	needFiles(t)
	for _, network := range streams(t, "unix") {
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
	for _, network := range streams(t, "unix", "unixpacket") {
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
	fileListener := net.FileListener
	if packageNetMakesFiles() != nil {
		fileListener = listener.FileListener // nor does package net take any then
	}
	for _, network := range streams(t, "unix") {
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
		again := open(fileListener(f))(t)
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
