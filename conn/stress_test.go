package conn_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sockerr"
	"github.com/moor-net/moor/listener"
)

// ended reports whether err is one that a connection which may be closed at
// any moment, by either side, may return.
func ended(err error) bool {
	return err == io.EOF || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) ||
		sockerr.Broken(err) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Connections open and close all the time on few descriptor numbers, with
// calls in progress on both sides. Every eight bytes name the connection they
// were sent on: none ever reaches another.
func TestBytesNeverReachAnotherConnection(t *testing.T) {
	rounds := 1500
	if testing.Short() {
		rounds = 150
	}
	ln := listen(t, "tcp", "127.0.0.1:0")
	var strangers atomic.Int64
	// check reads until the end and compares each word with the first.
	check := func(c net.Conn, id uint64) {
		buf := make([]byte, 8<<10)
		for {
			n, err := io.ReadAtLeast(c, buf, 8)
			for i := 0; i+8 <= n; i += 8 {
				w := binary.BigEndian.Uint64(buf[i:])
				if id == 0 {
					id = w
				}
				if w != id {
					strangers.Add(1)
				}
			}
			// A word may have been cut by the end of the buffer.
			if rest := n % 8; err == nil && rest != 0 {
				_, err = io.ReadFull(c, buf[:8-rest])
			}
			if err != nil {
				if !ended(err) {
					t.Errorf("Read: %v", err)
				}
				return
			}
		}
	}
	send := func(c net.Conn, id uint64, words int) {
		buf := make([]byte, 8*words)
		for i := 0; i < len(buf); i += 8 {
			binary.BigEndian.PutUint64(buf[i:], id)
		}
		for range 4 {
			if _, err := c.Write(buf); err != nil {
				if !ended(err) {
					t.Errorf("Write: %v", err)
				}
				return
			}
		}
	}
	var servers sync.WaitGroup
	servers.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			servers.Go(func() {
				defer c.Close()
				var first [8]byte
				if _, err := io.ReadFull(c, first[:]); err != nil {
					return
				}
				id := binary.BigEndian.Uint64(first[:])
				var wg sync.WaitGroup
				wg.Go(func() { send(c, id, 700) })
				wg.Go(func() { check(c, id) })
				if id%3 == 0 { // in the middle of the calls above
					time.Sleep(time.Duration(id%7) * 50 * time.Microsecond)
					c.Close()
				}
				wg.Wait()
			})
		}
	})
	var next atomic.Uint64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range rounds {
				id := next.Add(1)
				c, err := conn.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Errorf("Dial: %v", err)
					return
				}
				var wg sync.WaitGroup
				wg.Go(func() { send(c, id, 1+int(id%900)) })
				wg.Go(func() { check(c, id) })
				if id%2 == 0 {
					time.Sleep(time.Duration(id%5) * 50 * time.Microsecond)
				} else {
					c.(*conn.TCPConn).CloseWrite()
				}
				if id%5 == 0 {
					c.(*conn.TCPConn).SetLinger(0)
				}
				c.Close()
				wg.Wait()
			}
		})
	}
	clients.Wait()
	ln.Close()
	servers.Wait()
	if n := strangers.Load(); n > 0 {
		t.Errorf("%d words reached a connection that they were not sent on", n)
	}
}

// Every blocked call is released by Close, a deadline or the peer, whatever
// comes first and from wherever, and returns an error that is right.
func TestBlockedCallsAreReleasedInEveryOrder(t *testing.T) {
	schedules := 100000
	if testing.Short() {
		schedules = 3000
	}
	ln := listen(t, "tcp", "127.0.0.1:0").(*listener.TCPListener)
	before := countDescriptors(t)
	var wg sync.WaitGroup
	workers := 8
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for range schedules / workers {
				schedule(t, rng, ln)
			}
		})
	}
	wg.Wait()
	for range 20000 { // the other side of the last dials may still be closing
		if countDescriptors(t) <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d descriptors, %d before", countDescriptors(t), before)
}

// tooMuch is more than a socket takes at once.
var tooMuch = make([]byte, 8<<20)

func schedule(t *testing.T, rng *rand.Rand, ln *listener.TCPListener) {
	dialled, err := conn.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Errorf("Dial: %v", err)
		return
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Errorf("Accept: %v", err)
		return
	}
	ends := [2]net.Conn{dialled, accepted}
	// A connection in reset does not linger in TIME_WAIT: ports are scarce.
	defer func() {
		for _, c := range ends {
			c.(*conn.TCPConn).SetLinger(0)
			c.Close()
		}
	}()
	calls := rng.IntN(3) + 1
	result := make(chan error, calls)
	for range calls {
		c := ends[rng.IntN(2)]
		if rng.IntN(4) == 0 {
			go func() { _, err := c.Write(tooMuch); result <- err }()
		} else {
			go func() { _, err := c.Read(make([]byte, 16)); result <- err }()
		}
	}
	// Some of these release nothing; closing both ends releases all.
	for range rng.IntN(4) {
		c := ends[rng.IntN(2)]
		switch rng.IntN(5) {
		case 0:
			c.SetDeadline(time.Now().Add(time.Duration(rng.IntN(300)) * time.Microsecond))
		case 1:
			c.SetReadDeadline(time.Unix(1, 0))
		case 2:
			c.SetWriteDeadline(time.Now().Add(time.Hour))
		case 3:
			c.SetWriteDeadline(time.Unix(1, 0))
		case 4:
			c.(*conn.TCPConn).CloseWrite()
		}
	}
	first := rng.IntN(2)
	ends[first].Close()
	ends[1-first].Close()
	timeout := time.NewTimer(time.Minute)
	defer timeout.Stop()
	for range calls {
		select {
		case err := <-result:
			if err != nil && !ended(err) {
				t.Errorf("unexpected error %v", err)
			}
		case <-timeout.C:
			t.Fatal("a call was not released")
		}
	}
}

// Dials that are called off, at any moment, leave nothing behind.
func TestDialsCalledOffLeaveNothing(t *testing.T) {
	dials := 3000
	if testing.Short() {
		dials = 300
	}
	ln := listen(t, "tcp", "127.0.0.1:0")
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.(*conn.TCPConn).SetLinger(0)
			c.Close()
		}
	}()
	before := countDescriptors(t)
	for i := range dials {
		ctx, cancel := context.WithCancel(t.Context())
		if i%3 == 0 {
			cancel()
		} else {
			time.AfterFunc(time.Duration(i%50)*2*time.Microsecond, cancel)
		}
		c, err := new(conn.Dialer).DialContext(ctx, "tcp", ln.Addr().String())
		switch {
		case err == nil:
			c.Close()
		case sockerr.Reset(err): // accepted and closed before we noticed
		case !errors.Is(err, context.Canceled):
			t.Fatalf("error %v", err)
		}
		cancel()
	}
	for range 20000 {
		if countDescriptors(t) <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d descriptors, %d before", countDescriptors(t), before)
}

// Dial reports success only once the connection is up: the first Write never
// fails with ENOTCONN, also while the listener is being closed.
func TestDialSucceedsOnlyWhenConnected(t *testing.T) {
	dials := 10000
	if testing.Short() {
		dials = 1000
	}
	const each = 50 * time.Millisecond
	ln := listen(t, "tcp", "127.0.0.1:0")
	var mu sync.Mutex
	address := ln.Addr().String()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { // accepts a little, closes, opens again at the same address
		for {
			select {
			case <-stop:
				ln.Close()
				return
			default:
			}
			ln.(*listener.TCPListener).SetDeadline(time.Now().Add(2 * time.Millisecond))
			for {
				c, err := ln.Accept()
				if err != nil {
					break
				}
				c.(*conn.TCPConn).SetLinger(0)
				c.Close()
			}
			ln.Close()
			for {
				again, err := listener.Listen("tcp", address)
				if err == nil {
					ln = again
					break
				}
				if again, err = listener.Listen("tcp", "127.0.0.1:0"); err == nil {
					ln = again
					mu.Lock()
					address = ln.Addr().String()
					mu.Unlock()
					break
				}
			}
		}
	})
	for range dials {
		mu.Lock()
		to := address
		mu.Unlock()
		c, err := conn.DialTimeout("tcp", to, each)
		if err != nil {
			continue
		}
		if _, err := c.Write([]byte("x")); sockerr.NotConnected(err) {
			t.Fatal("connected, and yet ENOTCONN")
		}
		c.(*conn.TCPConn).SetLinger(0)
		c.Close()
	}
	close(stop)
	wg.Wait()
}
