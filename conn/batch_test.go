package conn_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
)

// messages returns n messages with room for size bytes.
func messages(n, size int) []conn.Message {
	ms := make([]conn.Message, n)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, size)}
	}
	return ms
}

// readAll reads n datagrams in batches of ms and gives each to f.
func readAll(t *testing.T, c *conn.UDPConn, ms []conn.Message, n int, f func(m *conn.Message)) {
	t.Helper()
	for got := 0; got < n; {
		k, err := c.ReadBatch(ms, 0)
		if err != nil || k == 0 {
			t.Fatalf("after %d of %d: ReadBatch = %d, %v", got, n, k, err)
		}
		for i := range k {
			f(&ms[i])
		}
		got += k
	}
}

func TestBatchesCarryWhatSingleDatagramsDo(t *testing.T) {
	for _, network := range []string{"udp", "udp4", "udp6"} {
		in := open(conn.ListenUDP(network, nil))(t)
		in.SetDeadline(time.Now().Add(time.Minute))
		to := loopback(network)
		to.Port = in.LocalAddr().(*net.UDPAddr).Port
		for _, dialled := range []bool{false, true} {
			var out *conn.UDPConn
			if dialled {
				out = open(conn.DialUDP(network, nil, to))(t)
			} else {
				out = open(conn.ListenUDP(network, loopback(network)))(t)
			}
			const n = 20
			send := make([]conn.Message, n)
			var want []string
			for i := range send {
				text := fmt.Sprint("datagram", i)[:min(i, 9)] // the first is empty
				half := len(text) / 2
				send[i].Buffers = [][]byte{[]byte(text[:half]), nil, []byte(text[half:])}
				if !dialled {
					send[i].Addr = to
				}
				want = append(want, text)
			}
			if k, err := out.WriteBatch(send, 0); k != n || err != nil {
				t.Fatalf("%s: WriteBatch = %d, %v", network, k, err)
			}
			for i, m := range send {
				if m.N != len(want[i]) {
					t.Errorf("%s: N of message %d is %d, want %d", network, i, m.N, len(want[i]))
				}
			}
			read := make([]conn.Message, 7)
			for i := range read {
				read[i].Buffers = [][]byte{make([]byte, 3), make([]byte, 100)}
			}
			var got []string
			readAll(t, in, read, n, func(m *conn.Message) {
				got = append(got, string(append(bytes.Clone(m.Buffers[0][:min(3, m.N)]), m.Buffers[1][:max(0, m.N-3)]...)))
				from, ok := m.Addr.(*net.UDPAddr)
				if !ok || from.Port != out.LocalAddr().(*net.UDPAddr).Port || !from.IP.Equal(loopback(network).IP) {
					t.Errorf("%s: from %v, want %v", network, m.Addr, out.LocalAddr())
				}
			})
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: read %q, want %q", network, got, want)
			}
		}
	}
}

// Every datagram is accounted for: those that were sent are read once and in
// order, in batches of any size, above the system's limit too. They are spread
// over some sockets, so that no receive buffer holds more than it surely can.
func TestBatchesLoseNothing(t *testing.T) {
	const each = 100
	var ins []*conn.UDPConn
	for range 25 {
		c := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
		c.SetDeadline(time.Now().Add(time.Minute))
		ins = append(ins, c)
	}
	out := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	room := messages(3000, 16)
	next := make([]uint64, len(ins)) // of each socket
	for round, size := range []int{1, 2, 16, 17, 99, 64, 1023, 1024, 1025, 2500, 1} {
		send := messages(size, 16)
		for i := range send {
			to := i / each
			binary.BigEndian.PutUint64(send[i].Buffers[0], next[to]+uint64(i%each))
			send[i].Addr = ins[to].LocalAddr()
		}
		if n, err := out.WriteBatch(send, 0); n != size || err != nil {
			t.Fatalf("WriteBatch of %d = %d, %v", size, n, err)
		}
		for to := range ins {
			n := min(each, size-to*each)
			if n <= 0 {
				break
			}
			readAll(t, ins[to], room[:1+(round*37+to*101)%len(room)], n, func(m *conn.Message) {
				if got := binary.BigEndian.Uint64(m.Buffers[0]); got != next[to] || m.N != 16 {
					t.Fatalf("datagram %d of %d bytes, want %d", got, m.N, next[to])
				}
				next[to]++
			})
		}
	}
	// Nothing is left over, and a batch of more than there is waits for none.
	for _, in := range ins {
		out.WriteTo([]byte("last"), in.LocalAddr())
		if n, err := in.ReadBatch(room, 0); n != 1 || err != nil || room[0].N != 4 {
			t.Errorf("ReadBatch = %d, %v, %d bytes", n, err, room[0].N)
		}
	}
}

// A message that can't be sent stops the batch: those before are sent, it is
// named, those after are not.
func TestBatchStopsAtTheMessageThatFails(t *testing.T) {
	in := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	in.SetDeadline(time.Now().Add(time.Minute))
	out := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	to := in.LocalAddr().(*net.UDPAddr)
	for name, test := range map[string]struct {
		spoil func(m *conn.Message)
		want  error
	}{
		"too long":       {func(m *conn.Message) { m.Buffers = [][]byte{make([]byte, 1<<16)} }, errTooLong},
		"wrong family":   {func(m *conn.Message) { m.Addr = loopback("udp6") }, nil},
		"bad port":       {func(m *conn.Message) { m.Addr = &net.UDPAddr{IP: to.IP, Port: 70000} }, syscall.EINVAL},
		"no UDP address": {func(m *conn.Message) { m.Addr = &net.TCPAddr{} }, syscall.EINVAL},
		"nil address":    {func(m *conn.Message) { m.Addr = (*net.UDPAddr)(nil) }, nil},
		"no address":     {func(m *conn.Message) { m.Addr = nil }, errNoDestination()},
	} {
		ms := messages(10, 4)
		for i := range ms {
			copy(ms[i].Buffers[0], fmt.Sprint("no ", i))
			ms[i].Addr = to
		}
		test.spoil(&ms[6])
		n, err := out.WriteBatch(ms, 0)
		var op *net.OpError
		if n != 6 || !errors.As(err, &op) || op.Op != "write" || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if op != nil {
			if a, ok := op.Addr.(*net.UDPAddr); ok && a == nil {
				t.Errorf("%s: a nil pointer for an address", name)
			}
		}
		out.WriteTo([]byte("last"), to)
		got := 0
		for ms := messages(10, 4); ; {
			k, err := in.ReadBatch(ms, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got += k; string(ms[k-1].Buffers[0]) == "last" {
				break
			}
		}
		if got != 7 {
			t.Errorf("%s: %d datagrams came, want 7", name, got)
		}
	}
}

func TestBatchErrors(t *testing.T) {
	c := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	ms := messages(3, 4)
	if n, err := c.ReadBatch(nil, 0); n != 0 || err != nil {
		t.Errorf("ReadBatch of nothing: %d, %v", n, err)
	}
	if n, err := c.WriteBatch(nil, 0); n != 0 || err != nil {
		t.Errorf("WriteBatch of nothing: %d, %v", n, err)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := c.ReadBatch(ms, 0); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("ReadBatch past its deadline: %d, %v", n, err)
	}
	c.SetDeadline(past)
	if n, err := c.WriteBatch(ms, 0); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("WriteBatch past its deadline: %d, %v", n, err)
	}
	c.SetDeadline(time.Time{})
	ended := make(chan error)
	go func() { _, err := c.ReadBatch(ms, 0); ended <- err }()
	c.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ReadBatch ended by Close: %v", err)
	}
	if n, err := c.WriteBatch(ms, 0); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("WriteBatch after Close: %d, %v", n, err)
	}
	if n, err := new(conn.UDPConn).ReadBatch(ms, 0); n != 0 || err != syscall.EINVAL {
		t.Errorf("ReadBatch on no connection: %d, %v", n, err)
	}
	if n, err := new(conn.UDPConn).WriteBatch(ms, 0); n != 0 || err != syscall.EINVAL {
		t.Errorf("WriteBatch on no connection: %d, %v", n, err)
	}
}
