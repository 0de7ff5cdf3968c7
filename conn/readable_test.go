package conn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

// tcpPair returns both ends of a connection that ends with the test.
func tcpPair(t *testing.T) (*conn.TCPConn, *conn.TCPConn) {
	t.Helper()
	c1, c2, stop, err := tcpPipe("tcp", "127.0.0.1:0")()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return c1.(*conn.TCPConn), c2.(*conn.TCPConn)
}

// checkWait checks that err has the form of package net's errors.
func checkWait(t *testing.T, err, want error) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Errorf("got %v, want none", err)
		}
		return
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "wait" || op.Net != "tcp" || op.Source == nil || op.Addr == nil || !errors.Is(err, want) {
		t.Errorf("got %v, want a wait's *net.OpError with %v", err, want)
	}
}

// Both forms are exact about what there is to read: data that was there before,
// data that comes, the end, a close, and a deadline set before or meanwhile.
func TestReadableTellsWhatThereIs(t *testing.T) {
	cases := map[string]struct {
		before, meanwhile func(c, peer *conn.TCPConn)
		want              error
	}{
		"data that is there": {before: func(c, peer *conn.TCPConn) { peer.Write([]byte("x")) }},
		"data that comes":    {meanwhile: func(c, peer *conn.TCPConn) { peer.Write([]byte("x")) }},
		"data that is left": {before: func(c, peer *conn.TCPConn) {
			peer.Write([]byte("xyz"))
			c.Read(make([]byte, 1))
		}},
		"the end that is there": {before: func(c, peer *conn.TCPConn) { peer.CloseWrite() }},
		"the end that comes":    {meanwhile: func(c, peer *conn.TCPConn) { peer.Close() }},
		"a reset": {meanwhile: func(c, peer *conn.TCPConn) {
			peer.SetLinger(0)
			peer.Close()
		}},
		"data after some was read": {
			before: func(c, peer *conn.TCPConn) {
				peer.Write([]byte("x"))
				c.Read(make([]byte, 10))
			},
			meanwhile: func(c, peer *conn.TCPConn) { peer.Write([]byte("y")) },
		},
		"a close":       {meanwhile: func(c, peer *conn.TCPConn) { c.Close() }, want: net.ErrClosed},
		"an old close":  {before: func(c, peer *conn.TCPConn) { c.Close() }, want: net.ErrClosed},
		"a deadline":    {before: func(c, peer *conn.TCPConn) { c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) }, want: os.ErrDeadlineExceeded},
		"a late one":    {meanwhile: func(c, peer *conn.TCPConn) { c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) }, want: os.ErrDeadlineExceeded},
		"a past one":    {before: func(c, peer *conn.TCPConn) { c.SetReadDeadline(time.Unix(1, 0)) }, want: os.ErrDeadlineExceeded},
		"one that goes": {meanwhile: func(c, peer *conn.TCPConn) { c.SetReadDeadline(time.Unix(1, 0)) }, want: os.ErrDeadlineExceeded},
	}
	forms := map[string]func(*testing.T, *conn.TCPConn) <-chan error{
		"NotifyReadable": func(t *testing.T, c *conn.TCPConn) <-chan error {
			done := make(chan error, 10)
			if err := c.NotifyReadable(func(err error) { done <- err }); err != nil {
				done <- err
			}
			return done
		},
		"WaitReadable": func(t *testing.T, c *conn.TCPConn) <-chan error {
			done := make(chan error, 10)
			go func() { done <- c.WaitReadable(context.Background()) }()
			return done
		},
	}
	for form, start := range forms {
		for name, when := range cases {
			t.Run(form+" "+name, func(t *testing.T) {
				c, peer := tcpPair(t)
				if when.before != nil {
					when.before(c, peer)
				}
				done := start(t, c)
				if when.meanwhile != nil {
					select {
					case err := <-done:
						t.Fatalf("told %v of nothing", err)
					case <-time.After(5 * time.Millisecond):
					}
					when.meanwhile(c, peer)
				}
				checkWait(t, <-done, when.want)
				if when.want == nil {
					if n, err := c.Read(make([]byte, 1)); n == 0 && err == nil {
						t.Error("nothing to read")
					}
				}
				select {
				case err := <-done:
					t.Errorf("told %v a second time", err)
				default:
				}
			})
		}
	}
}

// A wait whose context ends leaves the connection as it was.
func TestWaitReadableObeysItsContext(t *testing.T) {
	c, peer := tcpPair(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	checkWait(t, c.WaitReadable(ended), context.Canceled)
	for range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		checkWait(t, c.WaitReadable(ctx), context.DeadlineExceeded)
		cancel()
	}
	peer.Write([]byte("x"))
	checkWait(t, c.WaitReadable(t.Context()), nil)
	var b [2]byte
	if n, err := c.Read(b[:]); n != 1 || err != nil {
		t.Errorf("Read returned %d, %v", n, err)
	}
}

// A notification and a Read exclude each other: the later notification is
// refused, the later Read waits for its turn.
func TestNotifyReadableExcludesReads(t *testing.T) {
	c, peer := tcpPair(t)
	told := make(chan error, 1)
	if err := c.NotifyReadable(func(err error) { told <- err }); err != nil {
		t.Fatal(err)
	}
	checkWait(t, c.NotifyReadable(func(error) { t.Error("called although refused") }), moorrt.ErrBusy)
	checkWait(t, c.WaitReadable(t.Context()), moorrt.ErrBusy)
	read := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	peer.Write([]byte("x"))
	checkWait(t, <-told, nil)
	if err := <-read; err != nil {
		t.Error(err)
	}
}

// An echo server that reads in the callback and asks for the next one there has
// no goroutine.
func TestNotifyReadableAgainFromItsCallback(t *testing.T) {
	c, peer := tcpPair(t)
	ended := make(chan error, 1)
	buf := make([]byte, 16)
	var serve func(error)
	serve = func(err error) {
		if err != nil {
			ended <- err
			return
		}
		n, err := c.Read(buf)
		if err != nil {
			ended <- err
			return
		}
		c.Write(buf[:n])
		if err := c.NotifyReadable(serve); err != nil {
			ended <- err
		}
	}
	goroutines := runtime.NumGoroutine()
	if err := c.NotifyReadable(serve); err != nil {
		t.Fatal(err)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, there were %d", n, goroutines)
	}
	got := make([]byte, 5)
	for range 1000 {
		peer.Write([]byte("again"))
		if _, err := io.ReadFull(peer, got); err != nil || string(got) != "again" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	peer.Close()
	if err := <-ended; err != io.EOF {
		t.Errorf("ended with %v", err)
	}
}

// A connection that is dropped while a notification is pending is closed, unless
// the callback refers to it.
func TestDroppedWithNotification(t *testing.T) {
	for _, kept := range []bool{false, true} {
		ln, err := listener.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		peer, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		told := make(chan error, 1)
		func() {
			c, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			f := func(err error) { told <- err }
			if kept {
				f = func(err error) { told <- err; c.Close() }
			}
			if err := c.(*conn.TCPConn).NotifyReadable(f); err != nil {
				t.Fatal(err)
			}
		}()
		if kept {
			for range 5 {
				runtime.GC()
			}
			peer.Write([]byte("x"))
			checkWait(t, <-told, nil)
			continue
		}
		for waiting := true; waiting; {
			runtime.GC()
			select {
			case err := <-told:
				checkWait(t, err, net.ErrClosed)
				waiting = false
			case <-time.After(time.Millisecond):
			}
		}
		if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the peer's Read returned %v", err)
		}
	}
}

// Once a notification was given, nothing keeps a dropped connection.
func TestDroppedAfterNotification(t *testing.T) {
	c, peer, _, err := tcpPipe("tcp", "127.0.0.1:0")()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	told := make(chan struct{})
	func(c net.Conn) {
		c.(*conn.TCPConn).NotifyReadable(func(error) { c.Read(make([]byte, 1)); close(told) })
	}(c)
	c = nil
	peer.Write([]byte("x"))
	<-told
	ended := make(chan error, 1)
	go func() {
		_, err := peer.Read(make([]byte, 1))
		ended <- err
	}()
	for {
		runtime.GC()
		select {
		case err := <-ended:
			if err != io.EOF {
				t.Errorf("the peer's Read returned %v", err)
			}
			return
		case <-time.After(time.Millisecond):
		}
	}
}
