package conn_test

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
)

// Each test here failed once.

// A ReadBatch that looked for errors and found none had spent the event that told of a
// datagram: the next ReadFrom waited for another.
func TestEmptyErrorQueueLeavesDatagrams(t *testing.T) {
	in, err := conn.ListenUDP("udp4", loopback("udp4"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := net.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := out.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	in.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := in.ReadBatch(messages(1, 10), syscall.MSG_ERRQUEUE); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("ReadBatch = %d, %v", n, err)
	}
	in.SetReadDeadline(time.Now().Add(time.Minute))
	if n, _, err := in.ReadFrom(make([]byte, 10)); n != 3 || err != nil {
		t.Errorf("ReadFrom = %d, %v", n, err)
	}
}
