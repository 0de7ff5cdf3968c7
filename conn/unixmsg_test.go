package conn_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
)

// Senders and their names, by every way of receiving.
func TestUnixSenders(t *testing.T) {
	having(t, "unixgram")
	same(t, func(t *testing.T, s stack, tr *transcript) {
		dir := directory(t)
		tr.rename(append(named(dir, "DIR"), fmt.Sprint(os.Getpid(), s.name), "PID")...)
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
	})
}

// The same on connections, on which messages have no senders.
func TestUnixConnectionsHaveNoSenders(t *testing.T) {
	networks := having(t, "unix", "unixpacket")
	same(t, func(t *testing.T, s stack, tr *transcript) {
		dir := directory(t)
		tr.rename(named(dir, "DIR")...)
		b := make([]byte, 10)
		for _, network := range networks {
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

func TestUnixLargeMessages(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 12<<10) // 192 KiB: above what is read raw
	for _, network := range having(t, "unix", "unixpacket") {
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
	having(t, "unixgram")
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
