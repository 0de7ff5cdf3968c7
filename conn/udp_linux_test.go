package conn_test

// Control messages in both directions, and batches that are one call, are only
// here.

import (
	"fmt"
	"net"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/conn"
)

// Control messages travel in both directions.
func TestUDPControlMessages(t *testing.T) {
	same(t, func(t *testing.T, s stack, tr *transcript) {
		in := open(s.listenUDP("udp4", loopback("udp4")))(t)
		out := open(s.listenUDP("udp4", loopback("udp4")))(t)
		control(t, in, func(fd int) {
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTTL, 1)
		})
		in.SetDeadline(time.Now().Add(time.Minute))
		oob := (&ipv4.ControlMessage{Src: net.IPv4(127, 0, 0, 1)}).Marshal()
		ttl := unix.CmsgSpace(4)
		oob = append(oob, make([]byte, ttl)...)
		setTTL(oob[len(oob)-ttl:], 42)
		n, oobn, err := out.WriteMsgUDP([]byte("data"), oob, in.LocalAddr().(*net.UDPAddr))
		tr.add("%d %d of %d, %v", n, oobn, len(oob), err)
		buf, room := make([]byte, 10), make([]byte, 200)
		n, oobn, flags, _, err := in.ReadMsgUDP(buf, room)
		var cm ipv4.ControlMessage
		cm.Parse(room[:oobn])
		tr.add("%q %d %#x %v %v", buf[:n], oobn, flags, cm.String(), err)
		if cm.TTL != 42 {
			t.Errorf("%s: TTL %d", s.name, cm.TTL)
		}
		// Without room they are cut, and the flags say so.
		out.WriteMsgUDP([]byte("data"), oob, in.LocalAddr().(*net.UDPAddr))
		n, oobn, flags, _, err = in.ReadMsgUDP(buf, room[:8])
		tr.add("%q %d %#x %v", buf[:n], oobn, flags, err)
	})
}

func setTTL(b []byte, ttl byte) {
	b[0] = byte(unix.CmsgLen(4))
	b[8], b[12] = unix.IPPROTO_IP, unix.IP_TTL
	b[16] = ttl
}

// The same sender's address is not made again.
func TestBatchesAllocateNothing(t *testing.T) {
	in := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	out := open(conn.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(t)
	send, read := messages(10, 100), messages(10, 100)
	if n := testing.AllocsPerRun(200, func() {
		if _, err := out.WriteBatch(send, 0); err != nil {
			t.Fatal(err)
		}
		for got := 0; got < len(send); {
			n, err := in.ReadBatch(read, 0)
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	}); n > 0.1 && !raceDetector {
		t.Errorf("%v allocations", n)
	}
	first := read[0].Addr
	other := open(conn.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(t)
	other.Write([]byte("x"))
	in.ReadBatch(read[:1], 0)
	if read[0].Addr == first || read[0].Addr.String() != other.LocalAddr().String() {
		t.Errorf("another sender has the address %v, want %v", read[0].Addr, other.LocalAddr())
	}
}

// multicastOptions returns those that package net sets on a multicast socket.
func multicastOptions(fd int) string {
	reuse, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR)
	broadcast, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST)
	loop, _ := unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP)
	on, err := unix.GetsockoptInet4Addr(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF)
	loop6, errLoop := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP)
	on6, err6 := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF)
	return fmt.Sprint(reuse, broadcast, loop, on, err, loop6, errLoop, on6, err6)
}
