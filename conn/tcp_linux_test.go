package conn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// connect returns both ends of a connection: the accepted one is ours, the
// dialled one is std's, so that the two can't share a mistake.
func connect(t testing.TB, ln net.Listener) (ours *conn.TCPConn, peer *net.TCPConn) {
	t.Helper()
	dialled := make(chan net.Conn, 1)
	go func() {
		c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			t.Error(err)
		}
		dialled <- c
	}()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p := <-dialled
	if p == nil {
		t.FailNow()
	}
	t.Cleanup(func() { c.Close(); p.Close() })
	return c.(*conn.TCPConn), p.(*net.TCPConn)
}

// A read shorter than its buffer is taken to mean that nothing is left. What
// must never happen is that the end of the stream, which may have come with
// the data, is not seen.
func TestEndThatComesWithDataIsSeen(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	ln := listen(t, "tcp", "127.0.0.1:0")
	buf := make([]byte, 4096)
	for i := range rounds {
		ours, peer := connect(t, ln)
		ours.SetReadDeadline(time.Now().Add(time.Minute))
		go func() {
			for range i % 3 {
				peer.Write([]byte("data"))
				if i%5 == 0 {
					runtime.Gosched()
				}
			}
			if i%2 == 0 {
				peer.CloseWrite()
			} else {
				peer.Close()
			}
		}()
		total := 0
		for {
			n, err := ours.Read(buf)
			total += n
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("round %d: after %d bytes: %v", i, total, err)
			}
		}
		if total != i%3*4 {
			t.Fatalf("round %d: %d bytes, want %d", i, total, i%3*4)
		}
		ours.Close()
		peer.Close()
	}
}

// A read stops at urgent data although more follows it.
func TestReadThatStopsAtUrgentDataGoesOn(t *testing.T) {
	for round := range 50 {
		ours, peer := connect(t, listen(t, "tcp", "127.0.0.1:0"))
		ours.SetReadDeadline(time.Now().Add(time.Minute))
		var got []byte
		read := func(upTo int) {
			buf := make([]byte, 100)
			for len(got) < upTo {
				n, err := ours.Read(buf)
				if err != nil {
					t.Fatalf("round %d: after %q: %v", round, got, err)
				}
				got = append(got, buf[:n]...)
			}
		}
		if round%2 == 0 { // so that the loop has seen events before
			peer.Write([]byte("0"))
			read(1)
		} else {
			got = append(got, '0')
		}
		control(t, peer, func(fd int) {
			unix.Write(fd, []byte("abc"))
			unix.Sendto(fd, []byte("!"), unix.MSG_OOB, nil)
			unix.Write(fd, []byte("def"))
		})
		read(7)
		if string(got) != "0abcdef" {
			t.Fatalf("round %d: read %q, want 0abcdef", round, got)
		}
	}
}

func TestResetIsAnErrorOfTheSystemCall(t *testing.T) {
	ours, peer := connect(t, listen(t, "tcp", "127.0.0.1:0"))
	peer.SetLinger(0)
	peer.Close()
	_, err := ours.Read(make([]byte, 1))
	var op *net.OpError
	var sc *os.SyscallError
	if !errors.As(err, &op) || !errors.As(err, &sc) || !errors.Is(err, syscall.ECONNRESET) || sc.Syscall != "read" {
		t.Fatalf("error %#v", err)
	}
	if want := fmt.Sprintf("read tcp %v->%v: read: connection reset by peer", ours.LocalAddr(), ours.RemoteAddr()); err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
	if n, err := ours.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("next Read = %d, %v; want EOF as std has it", n, err)
	}
}

// Options of an accepted connection are those that std sets on each; here they
// are inherited from the listening socket.
func TestAcceptedConnectionsHaveStdsOptions(t *testing.T) {
	configs := map[string]net.ListenConfig{
		"default":       {},
		"off":           {KeepAlive: -1},
		"period":        {KeepAlive: 42 * time.Second},
		"config":        {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 3500 * time.Millisecond, Interval: 7 * time.Second, Count: 2}},
		"keep system's": {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}},
	}
	options := func(c net.Conn) (o [5]int) {
		control(t, c.(syscall.Conn), func(fd int) {
			o[0], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
			o[1], _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
			o[2], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
			o[3], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)
			o[4], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
		})
		return o
	}
	for name, std := range configs {
		for _, mptcp := range []bool{false, true} { // of listener and dialer alike
			t.Run(fmt.Sprintf("%s/mptcp=%v", name, mptcp), func(t *testing.T) {
				lc := listener.ListenConfig{KeepAlive: std.KeepAlive, KeepAliveConfig: std.KeepAliveConfig}
				lc.SetMultipathTCP(mptcp)
				std.SetMultipathTCP(mptcp)
				var got [2][5]int
				for i, lc := range []interface {
					Listen(ctx context.Context, network, address string) (net.Listener, error)
				}{&std, &lc} {
					ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
					if err != nil {
						t.Fatal(err)
					}
					defer ln.Close()
					d := net.Dialer{}
					d.SetMultipathTCP(mptcp)
					p, err := d.Dial("tcp", ln.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					defer p.Close()
					c, err := ln.Accept()
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					got[i] = options(c)
				}
				if got[0] != got[1] {
					t.Errorf("options (no-delay, keep-alive, idle, interval, count) %v, std has %v", got[1], got[0])
				}
			})
		}
	}
}

func TestDialledConnectionsHaveStdsOptions(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	for name, ka := range map[string]net.KeepAliveConfig{"default": {}, "config": {Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 3}} {
		var got [2][5]int
		std := net.Dialer{KeepAliveConfig: ka}
		ours := conn.Dialer{KeepAliveConfig: ka}
		for i, dial := range []func(string, string) (net.Conn, error){std.Dial, ours.Dial} {
			c, err := dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			control(t, c.(syscall.Conn), func(fd int) {
				got[i][0], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
				got[i][1], _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
				got[i][2], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
				got[i][3], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)
				got[i][4], _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
			})
		}
		if got[0] != got[1] {
			t.Errorf("%s: options %v, std has %v", name, got[1], got[0])
		}
	}
}

func TestDescriptorsAreNonBlockingAndCloseOnExec(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	accepted, _ := connect(t, ln)
	dialled, err := conn.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	for name, c := range map[string]syscall.Conn{"listener": ln.(syscall.Conn), "accepted": accepted, "dialled": dialled.(syscall.Conn)} {
		control(t, c, func(fd int) {
			if f, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || f&unix.O_NONBLOCK == 0 {
				t.Errorf("%s: file status flags %#x, %v", name, f, err)
			}
			if f, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || f&unix.FD_CLOEXEC == 0 {
				t.Errorf("%s: descriptor flags %#x, %v", name, f, err)
			}
		})
	}
}

func TestAddressesAreTheSameValuesAlsoAfterClose(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", ":0"} {
		ln := listen(t, "tcp", address)
		ours, peer := connect(t, ln)
		if ours.LocalAddr() != ours.LocalAddr() || ours.RemoteAddr() != ours.RemoteAddr() {
			t.Error("two calls return different values")
		}
		if ours.RemoteAddr().String() != peer.LocalAddr().String() || ours.LocalAddr().String() != peer.RemoteAddr().String() {
			t.Errorf("addresses %v and %v, the peer has %v and %v", ours.LocalAddr(), ours.RemoteAddr(), peer.LocalAddr(), peer.RemoteAddr())
		}
		never, peer := connect(t, ln)
		ours.Close()
		never.Close() // before anybody asked
		if ours.LocalAddr() == nil || ours.RemoteAddr() == nil || never.RemoteAddr() == nil {
			t.Error("an address is gone after Close")
		}
		if got, want := never.LocalAddr(), peer.RemoteAddr(); got == nil || got.String() != want.String() {
			t.Errorf("local address %v after Close, want %v", got, want)
		}
	}
}

// unheld returns both ends like connect, but nothing keeps ours alive.
func unheld(t *testing.T, ln net.Listener) (ours net.Conn, peer net.Conn) {
	t.Helper()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	ours, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return ours, peer
}

// collect runs the garbage collector until done is closed.
func collect(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	for range 5000 {
		runtime.GC()
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error(what)
}

func TestDroppedConnectionIsClosed(t *testing.T) {
	ours, peer := unheld(t, listen(t, "tcp", "127.0.0.1:0"))
	ours.Write([]byte("x"))
	ours = nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		if data, err := io.ReadAll(peer); err != nil || string(data) != "x" {
			t.Errorf("the peer read %q, %v", data, err)
		}
	}()
	collect(t, done, "a dropped connection was not closed")
}

func TestDroppedListenerIsClosed(t *testing.T) {
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln = nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			c, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			c.Close()
			time.Sleep(5 * time.Millisecond)
		}
	}()
	collect(t, done, "a dropped listener was not closed")
}

// The finalizer must not strike while a call is in progress.
func TestConnectionInUseIsNotCollected(t *testing.T) {
	ours, peer := unheld(t, listen(t, "tcp", "127.0.0.1:0"))
	got := make(chan error, 1)
	go func(c net.Conn) {
		_, err := c.Read(make([]byte, 1))
		got <- err
	}(ours)
	ours = nil
	for range 20 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	peer.Write([]byte("x"))
	if err := <-got; err != nil {
		t.Fatalf("Read: %v", err)
	}
}

func TestPerCallAllocationsAreNone(t *testing.T) {
	ours, peer := connect(t, listen(t, "tcp", "127.0.0.1:0"))
	go io.Copy(peer, onlyReader{peer}) // echo
	buf := make([]byte, 64)
	deadline := time.Now().Add(time.Hour)
	for name, f := range map[string]func(){
		"Write and Read": func() {
			ours.Write(buf)
			if _, err := io.ReadFull(ours, buf); err != nil {
				t.Fatal(err)
			}
		},
		"SetDeadline":     func() { ours.SetDeadline(deadline) },
		"SetReadDeadline": func() { ours.SetReadDeadline(time.Now().Add(time.Minute)) },
		"with deadline": func() {
			ours.SetReadDeadline(time.Now().Add(time.Minute))
			ours.Write(buf)
			if _, err := io.ReadFull(ours, buf); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

type onlyReader struct{ io.Reader }
