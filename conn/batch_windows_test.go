package conn_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sockerr"
)

// See batch_unix_test.go.
const errTooLong = windows.WSAEMSGSIZE

func errNoDestination() error {
	if sockerr.Wine {
		return windows.WSAEINVAL
	}
	return windows.WSAENOTCONN
}

// A datagram that does not fit is an error on Windows; one that is only looked at
// stays.
func TestBatchFlags(t *testing.T) {
	in := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	in.SetDeadline(time.Now().Add(time.Minute))
	out := open(conn.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(t)
	out.Write([]byte("whole"))
	out.Write([]byte("0123456789"))
	out.Write([]byte("last"))
	const peek = 2 // MSG_PEEK
	ms := messages(2, 5)
	for _, flags := range []int{peek, 0} {
		n, err := in.ReadBatch(ms[:1], flags)
		if n != 1 || err != nil || string(ms[0].Buffers[0][:ms[0].N]) != "whole" {
			t.Errorf("flags %#x: %d, %v, %q", flags, n, err, ms[0].Buffers[0][:ms[0].N])
		}
	}
	if n, err := in.ReadBatch(ms[:1], 0); n != 0 || !errors.Is(err, windows.WSAEMSGSIZE) {
		t.Errorf("one that does not fit: %d, %v", n, err)
	}
	if n, err := in.ReadBatch(ms, 0); n != 1 || err != nil || string(ms[0].Buffers[0][:ms[0].N]) != "last" {
		t.Errorf("the next one: %d, %v, %q", n, err, ms[0].Buffers[0][:ms[0].N])
	}
}
