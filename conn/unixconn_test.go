package conn_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// present returns those of the networks of Unix sockets that the system has, and
// why it has not the others.
func present(t testing.TB, networks ...string) (had []string, why error) {
	t.Helper()
	for _, network := range networks {
		path := filepath.Join(directory(t), "s")
		var c io.Closer
		var err error
		if network == "unixgram" {
			c, err = net.ListenPacket(network, path)
		} else {
			c, err = net.Listen(network, path)
		}
		if err != nil {
			why = errors.Join(why, err)
			continue
		}
		c.Close()
		had = append(had, network)
	}
	if why != nil {
		t.Log("without Unix sockets that the system lacks: ", why)
	}
	return had, why
}

// having is present for a test that is skipped where there are none of them.
func having(t testing.TB, networks ...string) []string {
	t.Helper()
	had, why := present(t, networks...)
	if had == nil {
		t.Skip("the system has no such Unix sockets: ", why)
	}
	return had
}

func unixAddr(network, name string) *net.UnixAddr { return &net.UnixAddr{Name: name, Net: network} }

// unixPair returns both ends of a connection on one stack; the listener is
// closed.
func unixPair(t testing.TB, s stack, network string) (dialled, accepted unixConn) {
	t.Helper()
	ln := open(s.listenUnix(network, unixAddr(network, filepath.Join(directory(t), "s"))))(t)
	dialled = open(s.dialUnix(network, nil, ln.Addr().(*net.UnixAddr)))(t)
	c := open(ln.Accept())(t)
	ln.Close()
	return dialled, c.(unixConn)
}

func TestNettestUnix(t *testing.T) {
	t.Parallel()
	having(t, "unix")
	for range *rounds {
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			dir := directory(t)
			c1, c2, stop, err = tcpPipe("unix", filepath.Join(dir, "s"))()
			return c1, c2, stop, err
		})
	}
}

func TestUnixMakingErrorsAreStds(t *testing.T) {
	same(t, func(t *testing.T, s stack, tr *transcript) {
		dir := directory(t)
		tr.rename(named(dir, "DIR")...)
		path := func(name string) string { return filepath.Join(dir, name) }
		try := func(what string, c interface{ Close() error }, err error) {
			tr.add("%s: %v, %v", what, c == nil, err)
			if err == nil {
				c.Close()
			}
		}
		file := path("file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		// Where the system lacks one of these that is an answer, too.
		if stream, err := s.listenUnix("unix", unixAddr("unix", path("stream"))); err == nil {
			defer stream.Close()
			tr.add("%v", stream.Addr())
		} else {
			tr.add("%v", err)
		}
		if grams, err := s.listenGram("unixgram", unixAddr("unixgram", path("grams"))); err == nil {
			defer grams.Close()
			tr.add("%v", grams.LocalAddr())
		} else {
			tr.add("%v", err)
		}
		i := 0
		for _, network := range []string{"unix", "unixgram", "unixpacket", "tcp", "udp", "nonsense", ""} {
			for _, name := range []string{"-", "", path("none"), file, path("stream"), path("grams"), path("no/dir"),
				dir + "/" + strings.Repeat("x", 107-len(dir)-1), dir + "/" + strings.Repeat("x", 108-len(dir)-1), dir + "/" + strings.Repeat("x", 109-len(dir)-1)} {
				var a *net.UnixAddr
				if name != "-" {
					a = unixAddr(network, name)
				}
				c, err := s.dialUnix(network, nil, a)
				try(fmt.Sprintf("dial %s %v", network, a), c, err)
				i++
				c, err = s.dialUnix(network, unixAddr(network, path(fmt.Sprint("from", i))), a)
				try(fmt.Sprintf("dial %s %v with local address", network, a), c, err)
				c, err = s.dialUnix(network, a, unixAddr(network, path("grams")))
				try(fmt.Sprintf("dial %s from %v", network, a), c, err)
				os.Remove(path("none"))
				if len(name) <= 100 || network != "unix" && network != "unixpacket" {
					g, err := s.listenGram(network, a)
					try(fmt.Sprintf("listen %s for datagrams %v", network, a), g, err)
					os.Remove(path("none"))
				}
				l, err := s.listenUnix(network, a)
				try(fmt.Sprintf("listen %s %v", network, a), l, err)
				d, err := s.dial(network, name)
				try(fmt.Sprintf("Dial %s %s", network, name), d, err)
				for _, from := range []net.Addr{unixAddr(network, path("local")), unixAddr("other", path("local")), &net.TCPAddr{}} {
					d, err = s.dialFrom(from, network, name)
					try(fmt.Sprintf("Dial %s %s from %v", network, name, from), d, err)
					os.Remove(path("local"))
				}
				if name != "-" {
					nl, err := s.listen(network, name)
					try(fmt.Sprintf("Listen %s %s", network, name), nl, err)
					os.Remove(path("none"))
					p, err := s.listenPacket(network, name)
					try(fmt.Sprintf("ListenPacket %s %s", network, name), p, err)
					os.Remove(path("none"))
				}
			}
		}
	})
}

// unixCalls notes every call that reads or writes. There is nobody at none.
func unixCalls(tr *transcript, none, what string, c unixConn) {
	b := make([]byte, 10)
	c.SetReadDeadline(past)
	n, err := c.Read(b)
	tr.add("%s: Read = %d, %v", what, n, err)
	n, a, err := c.ReadFrom(b)
	tr.add("%s: ReadFrom = %d, %v, %v", what, n, a == nil, err)
	n, ua, err := c.ReadFromUnix(b)
	tr.add("%s: ReadFromUnix = %d, %v, %v", what, n, ua == nil, err)
	n, oobn, flags, ua, err := c.ReadMsgUnix(b, b)
	tr.add("%s: ReadMsgUnix = %d, %d, %d, %v, %v", what, n, oobn, flags, ua == nil, err)
	for _, network := range []string{"unix", "unixgram", "unixpacket"} {
		for _, to := range []*net.UnixAddr{nil, unixAddr(network, ""), unixAddr(network, none), unixAddr(network, none+strings.Repeat("x", 200))} {
			n, err = c.WriteTo(b, to)
			tr.add("%s: WriteTo %s %v = %d, %v", what, network, to, n, err)
			n, err = c.WriteToUnix(b, to)
			tr.add("%s: WriteToUnix %s %v = %d, %v", what, network, to, n, err)
			if to != nil {
				n, oobn, err := c.WriteMsgUnix(b, nil, to)
				tr.add("%s: WriteMsgUnix %s %v = %d, %d, %v", what, network, to, n, oobn, err)
			}
		}
	}
	n, err = c.WriteTo(b, &net.TCPAddr{})
	tr.add("%s: WriteTo a TCP address = %d, %v", what, n, err)
	n, err = c.WriteTo(b, nil)
	tr.add("%s: WriteTo nil = %d, %v", what, n, err)
	n, oobn, err = c.WriteMsgUnix(b, nil, nil)
	tr.add("%s: WriteMsgUnix nil = %d, %d, %v", what, n, oobn, err)
	n, oobn, err = c.WriteMsgUnix(b, []byte("no control message"), nil)
	tr.add("%s: WriteMsgUnix with nonsense = %d, %d, %v", what, n, oobn, err)
}

// unixOthers notes the other calls, the last of which close c.
func unixOthers(tr *transcript, what string, c unixConn) {
	b := make([]byte, 10)
	tr.add("%s: addresses %v %v", what, c.LocalAddr(), c.RemoteAddr())
	tr.add("%s: SetWriteDeadline %v", what, c.SetWriteDeadline(past))
	n, err := c.Write(b)
	tr.add("%s: Write = %d, %v", what, n, err)
	tr.add("%s: SetReadBuffer %v", what, c.SetReadBuffer(1<<16))
	tr.add("%s: SetWriteBuffer %v", what, c.SetWriteBuffer(1<<16))
	if what != "zero" { // package net's panics
		f, err := c.File()
		tr.add("%s: File %v", what, err)
		if err == nil {
			f.Close()
		}
	}
	_, err = c.SyscallConn()
	tr.add("%s: SyscallConn %v", what, err)
	tr.add("%s: CloseRead %v", what, c.CloseRead())
	tr.add("%s: CloseWrite %v", what, c.CloseWrite())
	tr.add("%s: Close %v", what, c.Close())
	tr.add("%s: Close again %v", what, c.Close())
	tr.add("%s: CloseRead after %v", what, c.CloseRead())
	tr.add("%s: addresses after %v %v", what, c.LocalAddr(), c.RemoteAddr())
}

func TestUnixCallErrorsAreStds(t *testing.T) {
	networks := having(t, "unix", "unixpacket")
	same(t, func(t *testing.T, s stack, tr *transcript) {
		dir := directory(t)
		none := filepath.Join(dir, "none")
		calls := func(what string, c unixConn) { unixCalls(tr, none, what, c) }
		other := func(what string, c unixConn) { unixOthers(tr, what, c) }
		tr.rename(named(dir, "DIR")...)
		for _, network := range networks {
			path := filepath.Join(dir, network)
			ln := open(s.listenUnix(network, unixAddr(network, path)))(t)
			c := open(s.dialUnix(network, unixAddr(network, filepath.Join(dir, "from"+network)), unixAddr(network, path)))(t)
			a := open(ln.Accept())(t).(unixConn)
			calls(network+" dialled", c)
			calls(network+" accepted", a)
			other(network+" accepted", a)
			calls(network+" closed", a)
			other(network+" dialled", c)
			tr.add("%v", ln.SetDeadline(past))
			_, err := ln.Accept()
			tr.add("%s: Accept %v", network, err)
			tr.add("%v %v", ln.Close(), ln.Close())
			_, err = ln.Accept()
			tr.add("%s: Accept %v", network, err)
			tr.add("%v", ln.SetDeadline(past))
			_, err = ln.File()
			tr.add("%s: File %v", network, err)
			raw, err := ln.SyscallConn()
			tr.add("%v %v %v %v", err, raw.Control(func(uintptr) {}), raw.Read(nil), raw.Write(nil))
		}
	})
}

func TestUnixgramCallErrorsAreStds(t *testing.T) {
	having(t, "unixgram")
	same(t, func(t *testing.T, s stack, tr *transcript) {
		dir := directory(t)
		none := filepath.Join(dir, "none")
		calls := func(what string, c unixConn) { unixCalls(tr, none, what, c) }
		other := func(what string, c unixConn) { unixOthers(tr, what, c) }
		tr.rename(named(dir, "DIR")...)
		grams := open(s.listenGram("unixgram", unixAddr("unixgram", filepath.Join(dir, "grams"))))(t)
		c := open(s.dialUnix("unixgram", nil, unixAddr("unixgram", filepath.Join(dir, "grams"))))(t)
		bound := open(s.dialUnix("unixgram", unixAddr("unixgram", filepath.Join(dir, "bound")), nil))(t)
		all := map[string]unixConn{"dialled": c, "bound": bound, "listening": grams}
		for _, what := range sortedKeys(all) {
			calls(what, all[what])
			other(what, all[what])
			calls(what+" closed", all[what])
		}
	})
}

func TestZeroUnixConnsErrorsAreStds(t *testing.T) {
	same(t, func(t *testing.T, s stack, tr *transcript) {
		unixCalls(tr, "none", "zero", s.zeroUnix)
		unixOthers(tr, "zero", s.zeroUnix)
		_, err := s.nilListener.Accept()
		_, err2 := s.nilListener.File()
		_, err3 := s.nilListener.SyscallConn()
		tr.add("%v %v %v", err, err2, err3)
		tr.add("%v %v", s.nilListener.Close(), s.nilListener.SetDeadline(past))
	})
}

// The end, and messages of no bytes, as Read and its kin see them.
func TestUnixEnds(t *testing.T) {
	networks := having(t, "unix", "unixpacket")
	same(t, func(t *testing.T, s stack, tr *transcript) {
		b := make([]byte, 10)
		for _, network := range networks {
			for _, how := range []string{"Close", "CloseWrite", "empty message"} {
				c, a := unixPair(t, s, network)
				a.SetDeadline(time.Now().Add(time.Minute))
				c.Write([]byte("last"))
				switch how {
				case "Close":
					c.Close()
				case "CloseWrite":
					c.CloseWrite()
				case "empty message":
					if network == "unix" {
						continue
					}
					n, err := c.Write(nil)
					tr.add("%d %v", n, err)
				}
				tr.rename(named(a.LocalAddr().String(), "PATH")...)
				n, err := a.Read(b)
				tr.add("%s %s: %q %v", network, how, b[:n], err)
				n, err = a.Read(nil)
				tr.add("%s %s: Read of nothing %d %v", network, how, n, err)
				n, err = a.Read(b)
				tr.add("%s %s: %d %v", network, how, n, err)
				if how == "empty message" {
					continue
				}
				n, _, err = a.ReadFrom(b)
				tr.add("%s %s: ReadFrom %d %v", network, how, n, err)
				n, _, _, _, err = a.ReadMsgUnix(b, nil)
				tr.add("%s %s: ReadMsgUnix %d %v", network, how, n, err)
				n, err = a.Write(b)
				tr.add("%s %s: Write %d %v", network, how, n, err)
			}
			c, a := unixPair(t, s, network)
			tr.add("%v", a.CloseRead())
			tr.rename(named(a.LocalAddr().String(), "PATH")...)
			n, err := a.Read(b)
			tr.add("%s: %d %v", network, n, err)
			n, err = c.Write(b)
			tr.add("%s: %d %v", network, n, err)
		}
	})
}

func TestUnixgramsHaveNoEnd(t *testing.T) {
	having(t, "unixgram")
	same(t, func(t *testing.T, s stack, tr *transcript) {
		b := make([]byte, 10)
		dir := directory(t)
		in := open(s.listenGram("unixgram", unixAddr("unixgram", filepath.Join(dir, "in"))))(t)
		out := open(s.dialUnix("unixgram", nil, in.LocalAddr().(*net.UnixAddr)))(t)
		in.SetDeadline(time.Now().Add(time.Minute))
		out.Write(nil)
		out.Write([]byte("more"))
		for range 2 {
			n, from, err := in.ReadFrom(b)
			tr.add("%q %v %v", b[:n], from, err)
		}
	})
}

func TestUnixListenerRemovesItsFileOnce(t *testing.T) {
	exists := func(path string) bool {
		_, err := os.Lstat(path)
		return !errors.Is(err, fs.ErrNotExist)
	}
	having(t, "unix")
	path := filepath.Join(directory(t), "s")
	for _, unlink := range []bool{true, false} {
		l, err := listener.ListenUnix("unix", unixAddr("unix", path))
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(unlink)
		l.Close()
		if exists(path) == unlink {
			t.Errorf("SetUnlinkOnClose(%v): exists %v", unlink, exists(path))
		}
	}
	os.Remove(path)
	l, err := listener.ListenUnix("unix", unixAddr("unix", path))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	next := open(listener.ListenUnix("unix", unixAddr("unix", path)))(t)
	l.Close()
	if !exists(path) {
		t.Error("a second Close removed the file of another listener")
	}
	// Close while others close too.
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { next.Close() })
	}
	wg.Wait()
	if exists(path) {
		t.Error("the file is still there")
	}
}

func TestUnixCallsAllocateNothing(t *testing.T) {
	having(t, "unix")
	having(t, "unixgram")
	dir := directory(t)
	grams := open(conn.ListenUnixgram("unixgram", unixAddr("unixgram", filepath.Join(dir, "grams"))))(t)
	self := grams.LocalAddr().(*net.UnixAddr)
	c, a := unixPair(t, ours, "unix")
	b, oob := make([]byte, 100), make([]byte, 100)
	for name, test := range map[string]struct {
		most float64
		f    func() error
	}{
		"Write and Read": {0, func() error {
			if _, err := c.Write(b); err != nil {
				return err
			}
			_, err := a.Read(b)
			return err
		}},
		"message": {0, func() error {
			if _, _, err := c.WriteMsgUnix(b, nil, nil); err != nil {
				return err
			}
			_, _, _, _, err := a.ReadMsgUnix(b, oob)
			return err
		}},
		"WriteTo": {1, func() error {
			if _, err := grams.WriteTo(b, self); err != nil {
				return err
			}
			_, _, err := grams.ReadFrom(b)
			return err
		}},
	} {
		if n := testing.AllocsPerRun(200, func() {
			if err := test.f(); err != nil {
				t.Fatal(err)
			}
		}); n > test.most {
			t.Errorf("%s: %v allocations, want at most %v", name, n, test.most)
		}
	}
}
