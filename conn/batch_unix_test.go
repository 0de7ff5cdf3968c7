//go:build unix

package conn_test

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/conn"
)

// errTooLong is what the system says of a datagram that is too long.
const errTooLong = unix.EMSGSIZE

// errNoDestination returns what it says of one without a destination.
func errNoDestination() error { return unix.EDESTADDRREQ }

func TestBatchFlags(t *testing.T) {
	in := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	in.SetDeadline(time.Now().Add(time.Minute))
	out := open(conn.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(t)
	out.Write([]byte("0123456789"))
	ms := messages(2, 4)
	for _, flags := range []int{unix.MSG_PEEK, 0} { // the first leaves it there
		n, err := in.ReadBatch(ms[:1], flags)
		if n != 1 || err != nil || ms[0].N != 4 || ms[0].Flags&unix.MSG_TRUNC == 0 {
			t.Errorf("flags %#x: %d, %v, %d bytes, flags %#x", flags, n, err, ms[0].N, ms[0].Flags)
		}
	}
}
