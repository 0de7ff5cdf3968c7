package conn_test

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// connect returns both ends of a connection: the accepted one is ours, the
// dialled one is std's, so that the two can't share a mistake.
func connect(t testing.TB, ln net.Listener) (ours *conn.TCPConn, peer *net.TCPConn) {
	t.Helper()
	dialled := make(chan net.Conn, 1)
	go func() {
		c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			t.Error(err)
		}
		dialled <- c
	}()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p := <-dialled
	if p == nil {
		t.FailNow()
	}
	t.Cleanup(func() { c.Close(); p.Close() })
	return c.(*conn.TCPConn), p.(*net.TCPConn)
}

// A read shorter than its buffer is taken to mean that nothing is left. What
// must never happen is that the end of the stream, which may have come with
// the data, is not seen.
func TestEndThatComesWithDataIsSeen(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	ln := listen(t, "tcp", "127.0.0.1:0")
	buf := make([]byte, 4096)
	for i := range rounds {
		ours, peer := connect(t, ln)
		ours.SetReadDeadline(time.Now().Add(time.Minute))
		go func() {
			for range i % 3 {
				peer.Write([]byte("data"))
				if i%5 == 0 {
					runtime.Gosched()
				}
			}
			if i%2 == 0 {
				peer.CloseWrite()
			} else {
				peer.Close()
			}
		}()
		total := 0
		for {
			n, err := ours.Read(buf)
			total += n
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("round %d: after %d bytes: %v", i, total, err)
			}
		}
		if total != i%3*4 {
			t.Fatalf("round %d: %d bytes, want %d", i, total, i%3*4)
		}
		ours.Close()
		peer.Close()
	}
}

func TestAddressesAreTheSameValuesAlsoAfterClose(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", ":0"} {
		ln := listen(t, "tcp", address)
		ours, peer := connect(t, ln)
		if ours.LocalAddr() != ours.LocalAddr() || ours.RemoteAddr() != ours.RemoteAddr() {
			t.Error("two calls return different values")
		}
		if ours.RemoteAddr().String() != peer.LocalAddr().String() || ours.LocalAddr().String() != peer.RemoteAddr().String() {
			t.Errorf("addresses %v and %v, the peer has %v and %v", ours.LocalAddr(), ours.RemoteAddr(), peer.LocalAddr(), peer.RemoteAddr())
		}
		never, peer := connect(t, ln)
		ours.Close()
		never.Close() // before anybody asked
		if ours.LocalAddr() == nil || ours.RemoteAddr() == nil || never.RemoteAddr() == nil {
			t.Error("an address is gone after Close")
		}
		if got, want := never.LocalAddr(), peer.RemoteAddr(); got == nil || got.String() != want.String() {
			t.Errorf("local address %v after Close, want %v", got, want)
		}
	}
}

// unheld returns both ends like connect, but nothing keeps ours alive.
func unheld(t *testing.T, ln net.Listener) (ours net.Conn, peer net.Conn) {
	t.Helper()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	ours, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return ours, peer
}

// collect runs the garbage collector until done is closed.
func collect(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	for range 5000 {
		runtime.GC()
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error(what)
}

func TestDroppedConnectionIsClosed(t *testing.T) {
	ours, peer := unheld(t, listen(t, "tcp", "127.0.0.1:0"))
	ours.Write([]byte("x"))
	ours = nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		if data, err := io.ReadAll(peer); err != nil || string(data) != "x" {
			t.Errorf("the peer read %q, %v", data, err)
		}
	}()
	collect(t, done, "a dropped connection was not closed")
}

func TestDroppedListenerIsClosed(t *testing.T) {
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln = nil
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			c, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			c.Close()
			time.Sleep(5 * time.Millisecond)
		}
	}()
	collect(t, done, "a dropped listener was not closed")
}

// The finalizer must not strike while a call is in progress.
func TestConnectionInUseIsNotCollected(t *testing.T) {
	ours, peer := unheld(t, listen(t, "tcp", "127.0.0.1:0"))
	got := make(chan error, 1)
	go func(c net.Conn) {
		_, err := c.Read(make([]byte, 1))
		got <- err
	}(ours)
	ours = nil
	for range 20 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	peer.Write([]byte("x"))
	if err := <-got; err != nil {
		t.Fatalf("Read: %v", err)
	}
}

func TestPerCallAllocationsAreNone(t *testing.T) {
	ours, peer := connect(t, listen(t, "tcp", "127.0.0.1:0"))
	go io.Copy(peer, onlyReader{peer}) // echo
	buf := make([]byte, 64)
	deadline := time.Now().Add(time.Hour)
	for name, f := range map[string]func(){
		"Write and Read": func() {
			ours.Write(buf)
			if _, err := io.ReadFull(ours, buf); err != nil {
				t.Fatal(err)
			}
		},
		"SetDeadline":     func() { ours.SetDeadline(deadline) },
		"SetReadDeadline": func() { ours.SetReadDeadline(time.Now().Add(time.Minute)) },
		"with deadline": func() {
			ours.SetReadDeadline(time.Now().Add(time.Minute))
			ours.Write(buf)
			if _, err := io.ReadFull(ours, buf); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

type onlyReader struct{ io.Reader }
