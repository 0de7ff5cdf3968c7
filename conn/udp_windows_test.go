package conn_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/conn"
)

func udpPair(t *testing.T) (in, out *conn.UDPConn) {
	t.Helper()
	in = open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	out = open(conn.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(t)
	in.SetDeadline(time.Now().Add(10 * time.Second))
	return in, out
}

// An empty datagram is no end, and a Read of nothing takes none away.
func TestUDPEmptyDatagramIsRead(t *testing.T) {
	in, out := udpPair(t)
	buf := make([]byte, 10)
	for _, want := range []string{"", "x", ""} {
		if n, err := in.Read(nil); n != 0 || err != nil {
			t.Errorf("read nothing: %d, %v", n, err)
		}
		if _, err := out.Write([]byte(want)); err != nil {
			t.Fatal(err)
		}
		if n, err := in.Read(nil); n != 0 || err != nil {
			t.Errorf("read nothing of %q: %d, %v", want, n, err)
		}
		if n, err := in.Read(buf); err != nil || string(buf[:n]) != want {
			t.Errorf("read %q, %v; want %q", buf[:n], err, want)
		}
	}
}

// What does not fit is cut off, which Windows says by an error; the next one
// comes whole.
func TestUDPDatagramThatDoesNotFitIsAnError(t *testing.T) {
	in, out := udpPair(t)
	for range 2 {
		out.Write([]byte("0123456789"))
	}
	out.Write([]byte("last"))
	buf := make([]byte, 4)
	_, err := in.Read(buf)
	var op *net.OpError
	if !errors.Is(err, windows.WSAEMSGSIZE) || !errors.As(err, &op) || op.Op != "read" {
		t.Errorf("Read: %v", err)
	}
	if _, _, err := in.ReadFrom(buf); !errors.Is(err, windows.WSAEMSGSIZE) {
		t.Errorf("ReadFrom: %v", err)
	}
	if n, _, err := in.ReadFrom(buf); err != nil || string(buf[:n]) != "last" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
}

// A datagram to a port that nobody has does not make the next read fail.
func TestUDPUnreachablePortIsNotReported(t *testing.T) {
	in, _ := udpPair(t)
	nobody := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	to := nobody.LocalAddr()
	nobody.Close()
	for range 3 {
		if _, err := in.WriteTo([]byte("x"), to); err != nil {
			t.Fatal(err)
		}
	}
	in.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, _, err := in.ReadFrom(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ReadFrom: %v", err)
	}
}

// A message read that fails while it waits read nothing; elsewhere package net
// returns -1.
func TestUDPMessageReadThatEndsWhileItWaits(t *testing.T) {
	in, _ := udpPair(t)
	in.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, _, _, _, err := in.ReadMsgUDP(make([]byte, 10), nil); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ReadMsgUDP = %d, %v", n, err)
	}
}

// The destination and interface of a datagram come as a control message; where
// that does not fit the call fails.
func TestUDPControlMessages(t *testing.T) {
	const ipPktinfo = 19
	same(t, func(t *testing.T, s stack, tr *transcript) {
		in := open(s.listenUDP("udp4", &net.UDPAddr{}))(t)
		to := loopback("udp4")
		to.Port = in.LocalAddr().(*net.UDPAddr).Port
		out := open(s.listenUDP("udp4", loopback("udp4")))(t)
		tr.rename(out.LocalAddr().String(), "OUT", in.LocalAddr().String(), "IN")
		control(t, in, func(fd int) {
			if err := windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IP, ipPktinfo, 1); err != nil {
				t.Fatal(err)
			}
		})
		in.SetDeadline(time.Now().Add(time.Minute))
		buf, room := make([]byte, 10), make([]byte, 200)
		for _, size := range []int{len(room), 8, 0} {
			out.WriteTo([]byte("data"), to)
			n, oobn, flags, from, err := in.ReadMsgUDP(buf, room[:size])
			tr.add("%d: %q %d %#x %v %v", size, buf[:n], oobn, flags, from, err)
			if size != len(room) {
				continue
			}
			// A header of three words, the address, and the interface's number.
			header := int(binary.NativeEndian.Uint64(room))
			if oobn < header || header != 24 || room[12] != ipPktinfo || !net.IP(room[16:20]).Equal(to.IP) {
				t.Errorf("%s: control messages %v", s.name, room[:oobn])
			}
		}
	})
}

// multicastOptions returns those that package net sets on a multicast socket.
func multicastOptions(fd int) string {
	get := func(level, opt int) string {
		v, err := windows.GetsockoptInt(windows.Handle(fd), level, opt)
		return fmt.Sprint(v, err)
	}
	const ipv6MulticastIf, ipv6MulticastLoop, soBroadcast = 9, 11, 0x20
	return fmt.Sprint(get(windows.SOL_SOCKET, windows.SO_REUSEADDR), get(windows.SOL_SOCKET, soBroadcast),
		get(windows.IPPROTO_IP, windows.IP_MULTICAST_LOOP), get(windows.IPPROTO_IP, windows.IP_MULTICAST_IF),
		get(windows.IPPROTO_IPV6, ipv6MulticastLoop), get(windows.IPPROTO_IPV6, ipv6MulticastIf))
}
