package conn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sockerr"
	"github.com/moor-net/moor/internal/sys"
)

// WriteBuffers takes what it writes out of the buffers, as net.Buffers'
// WriteTo does.
func TestWriteBuffers(t *testing.T) {
	for _, chunks := range []int{0, 1, 10, 1023, 1024, 1025, 2048, 5000} {
		for _, how := range []string{"WriteBuffers", "WriteTo", "ReadFrom", "Copy"} {
			c, peer := pairOf(t)
			got := make(chan []byte)
			go func() { data, _ := io.ReadAll(peer); got <- data }()
			var want []byte
			var bufs net.Buffers
			for i := range chunks {
				b := bytes.Repeat([]byte{byte(i)}, i%3) // some are empty
				want = append(want, b...)
				bufs = append(bufs, b)
			}
			all := bufs
			var n int64
			var err error
			switch how {
			case "WriteBuffers":
				n, err = c.WriteBuffers(&bufs)
			case "WriteTo":
				n, err = bufs.WriteTo(c)
			case "ReadFrom":
				n, err = c.ReadFrom(&bufs)
			case "Copy":
				n, err = io.Copy(c, &bufs)
			}
			if n != int64(len(want)) || err != nil || len(bufs) != 0 {
				t.Errorf("%s of %d: %d, %v, %d left; want %d", how, chunks, n, err, len(bufs), len(want))
			}
			for i, b := range all {
				if b != nil {
					t.Errorf("%s of %d: buffer %d is still held", how, chunks, i)
					break
				}
			}
			c.Close()
			if data := <-got; !bytes.Equal(data, want) {
				t.Errorf("%s of %d: other data came", how, chunks)
			}
		}
	}
}

// pairOf returns both ends of a TCP connection: ours, and std's.
func pairOf(t testing.TB) (*conn.TCPConn, *net.TCPConn) {
	t.Helper()
	ln := listen(t, "tcp", "127.0.0.1:0")
	peer := open(net.Dial("tcp", ln.Addr().String()))(t)
	c := open(ln.Accept())(t)
	c.SetDeadline(time.Now().Add(time.Minute))
	peer.SetDeadline(time.Now().Add(time.Minute))
	return c.(*conn.TCPConn), peer.(*net.TCPConn)
}

// Writes that the system takes in part go on where they stopped.
func TestWriteBuffersInParts(t *testing.T) {
	c, peer := pairOf(t)
	c.SetWriteBuffer(4 << 10)
	var want []byte
	var bufs net.Buffers
	for i := range 3000 {
		b := bytes.Repeat([]byte(fmt.Sprint(i)), i%100)
		want = append(want, b...)
		bufs = append(bufs, b)
	}
	wrote := make(chan error)
	go func() {
		n, err := c.WriteBuffers(&bufs)
		if err == nil && n != int64(len(want)) {
			err = io.ErrShortWrite
		}
		c.Close()
		wrote <- err
	}()
	got := make([]byte, 0, len(want))
	for buf := make([]byte, 1000); ; {
		n, err := peer.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			break
		}
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, want %d", len(got), len(want))
	}
}

// When it fails, what was not written is left.
func TestWriteBuffersThatFails(t *testing.T) {
	c, _ := pairOf(t)
	c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	chunk := make([]byte, 1<<20)
	bufs := make(net.Buffers, 64)
	for i := range bufs {
		bufs[i] = chunk
	}
	n, err := c.WriteBuffers(&bufs)
	var op *net.OpError
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &op) || op.Op != sys.WritevName {
		t.Errorf("error %v", err)
	}
	left := int64(0)
	for _, b := range bufs {
		left += int64(len(b))
	}
	if n == 0 || n+left != 64<<20 {
		t.Errorf("%d written, %d left", n, left)
	}

	c, peer := pairOf(t)
	peer.Close()
	for i := range bufs {
		bufs[i] = chunk
	}
	if _, err := c.WriteBuffers(&bufs); !sockerr.Broken(err) {
		t.Errorf("to a closed peer: %v", err)
	}
	c.Close()
	if n, err := c.WriteBuffers(&bufs); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %d, %v", n, err)
	}
	if n, err := new(conn.TCPConn).WriteBuffers(&bufs); n != 0 || err != syscall.EINVAL {
		t.Errorf("on no connection: %d, %v", n, err)
	}
}

// The buffers of a datagram go out as one.
func TestWriteBuffersMakesOneDatagram(t *testing.T) {
	in := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	out := open(conn.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(t)
	in.SetDeadline(time.Now().Add(time.Minute))
	if n, err := out.WriteBuffers(&net.Buffers{[]byte("ab"), nil, []byte("cd")}); n != 4 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	buf := make([]byte, 10)
	if n, err := in.Read(buf); err != nil || string(buf[:n]) != "abcd" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}
