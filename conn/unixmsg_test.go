//go:build unix

package conn_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/conn"
)

// Senders and their names, by every way of receiving.
func TestUnixSenders(t *testing.T) {
	same(t, func(t *testing.T, s stack, tr *transcript) {
		dir := directory(t)
		tr.rename(dir, "DIR", fmt.Sprint(os.Getpid(), s.name), "PID")
		in := open(s.listenGram("unixgram", unixAddr("unixgram", filepath.Join(dir, "in"))))(t)
		to := in.LocalAddr().(*net.UnixAddr)
		named := open(s.listenGram("unixgram", unixAddr("unixgram", filepath.Join(dir, "named"))))(t)
		senders := map[string]unixConn{"named": named, "unnamed": open(s.dialUnix("unixgram", nil, to))(t)}
		if runtime.GOOS == "linux" {
			senders["abstract"] = open(s.listenGram("unixgram", unixAddr("unixgram", fmt.Sprint("@moor", os.Getpid(), s.name))))(t)
			auto := open(s.listenGram("unixgram", unixAddr("unixgram", "")))(t)
			if name := auto.LocalAddr().String(); len(name) != 6 || name[0] != '@' {
				t.Errorf("%s: the system chose the name %q", s.name, name)
			}
		}
		in.SetDeadline(time.Now().Add(time.Minute))
		b := make([]byte, 10)
		for _, name := range sortedKeys(senders) {
			c := senders[name]
			tr.add("%s: %v %v", name, c.LocalAddr(), c.RemoteAddr())
			send := func() {
				var n int
				var err error
				if name == "unnamed" {
					n, err = c.Write([]byte(name))
				} else {
					n, err = c.WriteTo([]byte(name), to)
				}
				tr.add("sent %d %v", n, err)
			}
			send()
			n, from, err := in.ReadFrom(b)
			tr.add("%q %v %T %v", b[:n], from, from, err)
			send()
			n, fromUnix, err := in.ReadFromUnix(b)
			tr.add("%q %v %v", b[:n], fromUnix, err)
			send()
			n, _, _, fromUnix, err = in.ReadMsgUnix(b, nil)
			tr.add("%q %v %v", b[:n], fromUnix, err)
			if fromUnix != nil {
				tr.add("%s", fromUnix.Net)
			}
		}
		for _, network := range []string{"unix", "unixpacket"} {
			for _, from := range []string{"", filepath.Join(dir, "from")} {
				path := filepath.Join(dir, network)
				ln := open(s.listenUnix(network, unixAddr(network, path)))(t)
				c := open(s.dialUnix(network, unixAddr(network, from), unixAddr(network, path)))(t)
				a := open(ln.Accept())(t).(unixConn)
				for _, c := range []unixConn{c, a} {
					tr.add("%s: %#v %#v", network, c.LocalAddr(), c.RemoteAddr())
				}
				c.Write([]byte("x"))
				n, sender, err := a.ReadFrom(b)
				tr.add("%d %v %v", n, sender, err)
				ln.Close()
				os.Remove(from)
			}
		}
	})
}

// pass sends a descriptor with data over c.
func pass(t *testing.T, c unixConn, data string, f *os.File) {
	t.Helper()
	n, oobn, err := c.WriteMsgUnix([]byte(data), unix.UnixRights(int(f.Fd())), nil)
	if err != nil || n != len(data) || oobn == 0 {
		t.Errorf("WriteMsgUnix = %d, %d, %v", n, oobn, err)
	}
}

func TestUnixDescriptorsTravel(t *testing.T) {
	for _, network := range []string{"unix", "unixpacket"} {
		for _, data := range []string{"data", ""} {
			c, a := unixPair(t, ours, network)
			a.SetDeadline(time.Now().Add(time.Minute))
			file, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			file.WriteString("contents")
			pass(t, c, data, file)
			b, oob := make([]byte, len(data)), make([]byte, 100)
			n, oobn, flags, _, err := a.ReadMsgUnix(b, oob)
			if err != nil || string(b[:min(n, len(b))]) != data {
				t.Fatalf("%s %q: read %d, %v", network, data, n, err)
			}
			msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
			if err != nil || len(msgs) != 1 {
				t.Fatalf("%s %q: control messages %v, %v, flags %#x", network, data, msgs, err, flags)
			}
			fds, err := unix.ParseUnixRights(&msgs[0])
			if err != nil || len(fds) != 1 {
				t.Fatalf("%s %q: descriptors %v, %v", network, data, fds, err)
			}
			if f, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GETFD, 0); err != nil || f&unix.FD_CLOEXEC == 0 {
				t.Errorf("flags of the descriptor: %#x, %v", f, err)
			}
			got := os.NewFile(uintptr(fds[0]), "received")
			if text, err := io.ReadAll(io.NewSectionReader(got, 0, 100)); err != nil || string(text) != "contents" {
				t.Errorf("contents %q, %v", text, err)
			}
			got.Close()
		}
	}
}

// A read on a Unix stream stops where descriptors were attached, although more
// data is there and no other event comes.
func TestUnixReadThatStopsAtDescriptorsGoesOn(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for round := range 100 {
		c, a := unixPair(t, ours, "unix")
		a.SetReadDeadline(time.Now().Add(time.Minute))
		want := ""
		if round%2 == 0 { // so that the loop has seen events before
			c.Write([]byte("0"))
			a.Read(make([]byte, 1))
		}
		for i := range 5 {
			text := fmt.Sprint("part", i)
			pass(t, c, text, file)
			want += text
		}
		got := make([]byte, len(want))
		for n := 0; n < len(want); {
			m, err := a.Read(got[n:min(n+100, len(got))])
			if err != nil {
				t.Fatalf("round %d: after %q: %v", round, got[:n], err)
			}
			n += m
		}
		if string(got) != want {
			t.Fatalf("round %d: read %q", round, got)
		}
		c.Close()
		a.Close()
	}
}

func TestUnixLargeMessages(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 12<<10) // 192 KiB: above what is read raw
	for _, network := range []string{"unix", "unixpacket"} {
		c, a := unixPair(t, ours, network)
		for _, end := range []unixConn{c, a} {
			end.SetWriteBuffer(1 << 20)
			end.SetDeadline(time.Now().Add(time.Minute))
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if n, err := c.Write(data); n != len(data) || err != nil {
				t.Errorf("%s: Write = %d, %v", network, n, err)
			}
			if n, _, err := c.WriteMsgUnix(data, nil, nil); err != nil || network == "unixpacket" && n != len(data) {
				t.Errorf("%s: WriteMsgUnix = %d, %v", network, n, err)
			} else if _, err := c.Write(data[n:]); n < len(data) && err != nil {
				t.Errorf("%s: Write = %v", network, err)
			}
		})
		got := make([]byte, 2*len(data))
		for n, i := 0, 0; n < len(got); i++ {
			var m int
			var err error
			if i%2 == 0 {
				m, _, err = a.ReadFrom(got[n:])
			} else {
				m, _, _, _, err = a.ReadMsgUnix(got[n:], nil)
			}
			if err != nil {
				t.Fatalf("%s: after %d: %v", network, n, err)
			}
			n += m
		}
		wg.Wait()
		if !bytes.Equal(got[:len(data)], data) || !bytes.Equal(got[len(data):], data) {
			t.Errorf("%s: other data came than was sent", network)
		}
	}
}

// Who sends datagrams faster than they are read waits for the receiver, whether
// it was dialled or not, and none is lost.
func TestUnixgramSendersWaitForTheReceiver(t *testing.T) {
	const each = 1000
	dir := directory(t)
	in := open(conn.ListenUnixgram("unixgram", unixAddr("unixgram", filepath.Join(dir, "in"))))(t)
	to := in.LocalAddr().(*net.UnixAddr)
	dialled := open(conn.DialUnix("unixgram", nil, to))(t)
	bound := open(conn.ListenUnixgram("unixgram", unixAddr("unixgram", filepath.Join(dir, "out"))))(t)
	var wg sync.WaitGroup
	for name, send := range map[string]func([]byte) (int, error){
		"dialled": dialled.Write,
		"bound":   func(b []byte) (int, error) { return bound.WriteTo(b, to) },
	} {
		wg.Go(func() {
			for i := range each {
				if _, err := send([]byte(fmt.Sprint(name, i))); err != nil {
					t.Errorf("%s: after %d: %v", name, i, err)
					return
				}
			}
		})
	}
	in.SetReadDeadline(time.Now().Add(time.Minute))
	next := map[string]int{}
	buf := make([]byte, 100)
	for got := range 2 * each {
		n, err := in.Read(buf)
		if err != nil {
			t.Fatalf("after %d: %v", got, err)
		}
		name := strings.TrimRight(string(buf[:n]), "0123456789")
		if want := fmt.Sprint(name, next[name]); string(buf[:n]) != want {
			t.Fatalf("read %q, want %q", buf[:n], want)
		}
		next[name]++
	}
	wg.Wait()
}
