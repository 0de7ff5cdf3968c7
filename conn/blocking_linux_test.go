package conn_test

// With fcntl(2), sendfile(2) and splice(2), so for Linux alone; for Windows see
// rawconn_windows_test.go.

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// File's Fd makes the descriptor blocking, and with it the connection's, whose
// deadlines and Close work none the less.
func TestDeadlinesSurviveABlockingDuplicate(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	peer := open(net.Dial("tcp", ln.Addr().String()))(t)
	c := open(ln.Accept())(t)
	udp := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	for _, s := range []any{c, ln, udp} {
		fd := int(fileOf(t, s).Fd())
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
			t.Fatalf("%T: the file's flags are %#x, %v, want a blocking one", s, flags, err)
		}
	}
	big := make([]byte, 32<<20)
	const more = 1 << 30 // than anybody takes
	sparse := regular()
	defer sparse.Close()
	if err := sparse.Truncate(more); err != nil {
		t.Fatal(err)
	}
	src, far := streamPair(t, "tcp", ours, std)
	go io.Copy(far, io.LimitReader(zeros{}, more))
	for name, call := range map[string]struct {
		call        func() error
		setDeadline func(time.Time) error
	}{
		"Read":  {func() error { _, err := c.Read(big); return err }, c.SetReadDeadline},
		"Write": {func() error { _, err := c.Write(big); return err }, c.SetWriteDeadline},
		"sendfile": {func() error {
			sparse.Seek(0, io.SeekStart)
			_, err := c.(io.ReaderFrom).ReadFrom(sparse)
			return err
		}, c.SetWriteDeadline},
		"splice into it":   {func() error { _, err := c.(io.ReaderFrom).ReadFrom(src); return err }, c.SetWriteDeadline},
		"splice out of it": {func() error { _, err := c.(io.WriterTo).WriteTo(regular()); return err }, c.SetReadDeadline},
		"Accept":           {func() error { _, err := ln.Accept(); return err }, ln.(*listener.TCPListener).SetDeadline},
		"ReadUDP":          {func() error { _, _, err := udp.ReadFrom(big); return err }, udp.SetReadDeadline},
	} {
		for _, within := range []time.Duration{-time.Second, 20 * time.Millisecond} {
			wantTimeout(t, within, name, call.setDeadline, call.call)
		}
	}
	// And so does the ordinary case.
	done := make(chan struct{})
	go func() { io.Copy(io.Discard, peer); close(done) }()
	c.SetWriteDeadline(time.Time{})
	if _, err := c.Write(big); err != nil {
		t.Error(err)
	}
	blocked := make(chan error, 1)
	go func() { _, err := c.Read(big); blocked <- err }()
	c.Close()
	select {
	case err := <-blocked:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read ended by Close: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Close does not end Read")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A copy in progress goes on in another way when a duplicate is made blocking.
func TestTransfersSurviveABlockingDuplicate(t *testing.T) {
	data := randomBytes(16 << 20)
	for name, transfer := range map[string]func(t *testing.T, c, peer net.Conn) (got func(testing.TB) []byte){
		"sendfile": func(t *testing.T, c, peer net.Conn) func(testing.TB) []byte {
			f := fileWith(t, data)
			go func() { c.(io.ReaderFrom).ReadFrom(f); c.Close() }()
			return received(peer)
		},
		"splice into it": func(t *testing.T, c, peer net.Conn) func(testing.TB) []byte {
			src, from := streamPair(t, "tcp", ours, std)
			go func() { from.Write(data); from.Close() }()
			go func() { c.(io.ReaderFrom).ReadFrom(src); c.Close() }()
			return received(peer)
		},
		"splice out of it": func(t *testing.T, c, peer net.Conn) func(testing.TB) []byte {
			to, end := streamPair(t, "unix", ours, std)
			go func() { peer.Write(data); peer.Close() }()
			go func() { c.(io.WriterTo).WriteTo(to); to.Close() }()
			return received(end)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 {
				c, peer := streamPair(t, "tcp", ours, std)
				got := transfer(t, c, peer)
				f := fileOf(t, c)
				f.Fd()
				f.Close() // the mode stays
				wantBytes(t, name, got(t), data)
			}
		})
	}
}
