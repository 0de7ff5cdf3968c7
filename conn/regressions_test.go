package conn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sockerr"
)

// Each test here failed once.

// Under Wine a connect that was taken by the listener's queue and reset when that
// closed was looked at again and again, until its deadline.
func TestConnectThatIsResetEnds(t *testing.T) {
	d := conn.Dialer{Timeout: time.Minute}
	for range 10 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var dials sync.WaitGroup
		for range 64 {
			dials.Go(func() {
				c, err := d.Dial("tcp", ln.Addr().String())
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("Dial returned %v", err)
				}
				if err == nil {
					c.Close()
				}
			})
		}
		ln.Accept() // some are on their way
		ln.Close()
		dials.Wait()
	}
}

// Under Wine a reset was read as the end of the stream, since the driver had
// told the Poll of it and nobody else.
func TestResetIsNoEnd(t *testing.T) {
	reset := func(c *conn.TCPConn) {
		c.SetLinger(0)
		c.Close()
	}
	for name, prepare := range map[string]func(c, peer *conn.TCPConn){
		"before a Read":      func(c, peer *conn.TCPConn) { reset(peer) },
		"at any moment":      func(c, peer *conn.TCPConn) { go reset(peer) },
		"after a Read":       func(c, peer *conn.TCPConn) { peer.Write([]byte("x")); c.Read(make([]byte, 8)); reset(peer) },
		"after a CloseWrite": func(c, peer *conn.TCPConn) { c.CloseWrite(); reset(peer) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				c, peer := tcpPair(t)
				prepare(c, peer)
				if n, err := c.Read(make([]byte, 8)); n != 0 || !sockerr.Reset(err) {
					t.Fatalf("Read = %d, %v; want a reset", n, err)
				}
			}
		})
	}
	t.Run("but an end is one", func(t *testing.T) {
		c, peer := tcpPair(t)
		peer.Write([]byte("x"))
		peer.Close()
		if got, err := io.ReadAll(c); string(got) != "x" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// A wait for readability whose context ended while the loop was about to tell that
// there is something to read was still in progress for a moment: the next one
// found the connection busy. What is there already needs no loop.
func TestWaitReadableNeedsNoLoopForWhatIsThere(t *testing.T) {
	c, peer := tcpPair(t)
	peer.Write([]byte("x"))
	checkWait(t, c.WaitReadable(t.Context()), nil)
	gate, stands := make(chan struct{}), make(chan struct{})
	c.FD().Loop().Post(func() { close(stands); <-gate })
	defer close(gate)
	<-stands
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	checkWait(t, c.WaitReadable(ctx), nil)
	checkWait(t, c.WaitReadable(ctx), nil)
	var b [2]byte
	if n, err := c.Read(b[:]); n != 1 || err != nil {
		t.Errorf("Read returned %d, %v", n, err)
	}
}

// "::" was no list of two addresses, as in package net, which falls back to 0.0.0.0; and
// Windows, where nothing can be connected to either, was given them as they are.
func TestUnspecifiedAddressIsPackageNets(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	taken, err := net.ListenPacket("udp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	_, busy, _ := net.SplitHostPort(taken.LocalAddr().String())
	dial := func(network, address string, dial func(string, string) (net.Conn, error)) string {
		c, err := dial(network, address)
		if err != nil {
			return err.Error()
		}
		defer c.Close()
		return c.RemoteAddr().String()
	}
	for _, network := range []string{"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6"} {
		for _, host := range []string{"[::]", "[::0]", "[::ffff:0.0.0.0]", "0.0.0.0", ""} {
			got, want := dial(network, host+":"+port, conn.Dial), dial(network, host+":"+port, net.Dial)
			if got != want {
				t.Errorf("Dial(%s, %s): %s, package net %s", network, host, got, want)
			}
		}
	}
	_, want := net.ListenPacket("udp", "[::]:"+busy)
	_, got := conn.ListenPacket("udp", "[::]:"+busy)
	if got == nil || want == nil || got.Error() != want.Error() {
		t.Errorf("ListenPacket: %v, package net %v", got, want)
	}
	from := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	theirs, ours := net.Dialer{LocalAddr: &from}, conn.Dialer{LocalAddr: &from}
	if got, want := dial("tcp", "[::]:"+port, ours.Dial), dial("tcp", "[::]:"+port, theirs.Dial); got != want {
		t.Errorf("from 127.0.0.1: %s, package net %s", got, want)
	}
}
