package conn_test

// What Linux has of its own: urgent data that ends a read, names of calls in
// errors, flags of descriptors.

import (
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

func optionsOf(fd int) (o tcpOptions) {
	o.noDelay, _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
	o.keepAlive, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE)
	o.idle, _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
	o.interval, _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)
	o.count, _ = unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT)
	return o
}
