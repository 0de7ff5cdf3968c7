package conn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

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
