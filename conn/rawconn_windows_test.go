package conn_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/internal/sys"
	"github.com/moor-net/moor/listener"
)

// Package net's sockets block in RawConn's functions on Windows, and what is made
// for them takes WSAEWOULDBLOCK for an error, as x/net does. A function that holds a
// thread of its own must not hold up the other direction, nor its deadline.

// rawRead is a Read that blocks in the system.
func rawRead(t testing.TB, c net.Conn, p []byte) (n int, err error) {
	t.Helper()
	closed := raw(t, c).Read(func(s uintptr) bool {
		n, err = recv(syscall.Handle(s), p)
		return true
	})
	if closed != nil {
		err = closed
	}
	return n, err
}

func recv(s syscall.Handle, p []byte) (int, error) {
	var n, flags uint32
	err := syscall.WSARecv(s, &syscall.WSABuf{Len: uint32(len(p)), Buf: &p[0]}, 1, &n, &flags, nil, nil)
	return int(n), err
}

// rawWrite is a Write that blocks in the system.
func rawWrite(t testing.TB, c net.Conn, p []byte) (n int, err error) {
	t.Helper()
	closed := raw(t, c).Write(func(s uintptr) bool {
		var sent uint32
		err = syscall.WSASend(syscall.Handle(s), &syscall.WSABuf{Len: uint32(len(p)), Buf: &p[0]}, 1, &sent, 0, nil, nil)
		n = int(sent)
		return true
	})
	if closed != nil {
		err = closed
	}
	return n, err
}

// narrowPair returns both ends of a connection that takes little before somebody
// reads: under Wine a call that asks first takes a while.
func narrowPair(t testing.TB, dialled, accepted stack) (net.Conn, net.Conn) {
	c, a := streamPair(t, "tcp", dialled, accepted)
	for _, c := range []net.Conn{c, a} {
		c := c.(interface {
			SetReadBuffer(int) error
			SetWriteBuffer(int) error
		})
		if err := errors.Join(c.SetReadBuffer(16<<10), c.SetWriteBuffer(16<<10)); err != nil {
			t.Fatal(err)
		}
	}
	return c, a
}

func raw(t testing.TB, c net.Conn) syscall.RawConn {
	t.Helper()
	rc, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return rc
}

func TestRawReadThatBlocks(t *testing.T) {
	for _, s := range []stack{std, ours} {
		t.Run(s.name, func(t *testing.T) {
			c, peer := narrowPair(t, s, std)
			inside := make(chan struct{})
			answer := make(chan string)
			go func() {
				var p [10]byte
				var n int
				var err error
				closed := raw(t, c).Read(func(s uintptr) bool {
					close(inside)
					n, err = recv(syscall.Handle(s), p[:])
					return true
				})
				if closed != nil || err != nil {
					t.Errorf("%v, %v", closed, err)
				}
				answer <- string(p[:n])
			}()
			<-inside
			// It waits for the answer to what is written meanwhile, more than fits.
			big := bytes.Repeat([]byte("0123456789abcdef"), 1<<15)
			sent := make(chan int)
			go func() {
				n, err := c.Write(big)
				if err != nil {
					t.Error(err)
				}
				sent <- n
			}()
			got := make([]byte, len(big))
			if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, big) {
				t.Fatalf("not what was written: %v", err)
			}
			if n := <-sent; n != len(big) {
				t.Errorf("%d bytes written", n)
			}
			wantTimeout(t, 20*time.Millisecond, "Write", c.SetWriteDeadline, func() error {
				for {
					if _, err := c.Write(big); err != nil {
						return err
					}
				}
			})
			peer.Write([]byte("answer"))
			if s := <-answer; s != "answer" {
				t.Errorf("read %q", s)
			}
			// And all is as before.
			wantTimeout(t, 20*time.Millisecond, "Read", c.SetReadDeadline, func() error { _, err := c.Read(got); return err })
		})
	}
}

func TestRawWriteThatBlocks(t *testing.T) {
	for _, s := range []stack{std, ours} {
		t.Run(s.name, func(t *testing.T) {
			c, peer := narrowPair(t, s, std)
			big := bytes.Repeat([]byte("0123456789abcdef"), 1<<15)
			written := make(chan error)
			go func() {
				n, err := rawWrite(t, c, big)
				if err == nil && n != len(big) {
					err = fmt.Errorf("%d bytes written", n)
				}
				written <- err
			}()
			p := make([]byte, 16)
			wantTimeout(t, 20*time.Millisecond, "Read", c.SetReadDeadline, func() error { _, err := c.Read(p); return err })
			peer.Write([]byte("foo"))
			if n, err := c.Read(p); string(p[:n]) != "foo" || err != nil {
				t.Errorf("read %q, %v", p[:n], err)
			}
			wantTimeout(t, 20*time.Millisecond, "Read", c.SetReadDeadline, func() error { _, err := c.Read(p); return err })
			got := make([]byte, len(big))
			if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, big) {
				t.Fatalf("not what was written: %v", err)
			}
			if err := <-written; err != nil {
				t.Error(err)
			}
			if s.name == std.name {
				return // whose writes have no deadline any more under Wine
			}
			wantTimeout(t, 20*time.Millisecond, "Write", c.SetWriteDeadline, func() error {
				for {
					if _, err := c.Write(big); err != nil {
						return err
					}
				}
			})
		})
	}
}

// However a function ends, the socket does not block afterwards.
func TestRawFunctionsThatPanic(t *testing.T) {
	c, _ := narrowPair(t, ours, std)
	rc := raw(t, c)
	for _, call := range []func(func(uintptr) bool) error{rc.Read, rc.Write} {
		func() {
			defer func() { recover() }()
			call(func(uintptr) bool { panic("in the function") })
		}()
	}
	p := make([]byte, 1<<16)
	wantTimeout(t, 20*time.Millisecond, "Read", c.SetReadDeadline, func() error { _, err := c.Read(p); return err })
	wantTimeout(t, 20*time.Millisecond, "Write", c.SetWriteDeadline, func() error {
		for {
			if _, err := c.Write(p); err != nil {
				return err
			}
		}
	})
}

// Functions that block and ordinary calls take turns in both directions, on both
// ends, and no byte is lost.
func TestRawFunctionsAmongOtherCalls(t *testing.T) {
	const size = 256 << 10
	c, peer := narrowPair(t, ours, ours)
	data := randomBytes(size)
	var both sync.WaitGroup
	for _, c := range []net.Conn{c, peer} {
		both.Go(func() {
			for i, left := 0, data; len(left) > 0; i++ {
				p := left[:min(len(left), 1+i*7919%40_000)]
				var n int
				var err error
				switch i % 3 {
				case 0:
					n, err = rawWrite(t, c, p)
				case 1:
					n, err = c.Write(p)
				default:
					var m int64
					m, err = c.(*conn.TCPConn).WriteBuffers(&net.Buffers{p[:len(p)/2], p[len(p)/2:]})
					n = int(m)
				}
				if err != nil || n != len(p) {
					t.Errorf("%d of %d bytes written: %v", n, len(p), err)
					return
				}
				left = left[n:]
			}
		})
		both.Go(func() {
			got := make([]byte, size)
			for i, n := 0, 0; n < size; i++ {
				p := got[n:min(size, n+1+i*104_729%30_000)]
				var m int
				var err error
				if i%2 == 0 {
					m, err = rawRead(t, c, p)
				} else {
					m, err = c.Read(p)
				}
				if err != nil || m == 0 {
					t.Errorf("%d bytes read after %d: %v", m, n, err)
					return
				}
				n += m
			}
			wantBytes(t, "what was read", got, data)
		})
	}
	both.Wait()
}

// Whoever has a duplicate may make it block, and with it the socket. Its deadlines hold
// none the less.
func TestDeadlinesSurviveABlockingDuplicate(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	c, _ := narrowPair(t, ours, std)
	udp := open(conn.ListenUDP("udp4", loopback("udp4")))(t)
	for _, s := range []any{c, ln, udp} {
		if err := sys.SetNonblock(int(fileOf(t, s).Fd()), false); err != nil {
			t.Fatal(err)
		}
	}
	big := make([]byte, 1<<16)
	wantTimeout(t, 20*time.Millisecond, "Read", c.SetReadDeadline, func() error { _, err := c.Read(big); return err })
	wantTimeout(t, 20*time.Millisecond, "Write", c.SetWriteDeadline, func() error {
		for {
			if _, err := c.Write(big); err != nil {
				return err
			}
		}
	})
	wantTimeout(t, 20*time.Millisecond, "WriteBuffers", c.SetWriteDeadline, func() error {
		for {
			if _, err := c.(*conn.TCPConn).WriteBuffers(&net.Buffers{big, big}); err != nil {
				return err
			}
		}
	})
	wantTimeout(t, 20*time.Millisecond, "Accept", ln.(*listener.TCPListener).SetDeadline, func() error { _, err := ln.Accept(); return err })
	wantTimeout(t, 20*time.Millisecond, "ReadFrom", udp.SetReadDeadline, func() error { _, _, err := udp.ReadFrom(big); return err })
	wantTimeout(t, 20*time.Millisecond, "ReadMsgUDP", udp.SetReadDeadline, func() error {
		_, _, _, _, err := udp.ReadMsgUDP(big, nil)
		return err
	})
	wantTimeout(t, 20*time.Millisecond, "ReadBatch", udp.SetReadDeadline, func() error {
		_, err := udp.ReadBatch(messages(2, 10), 0)
		return err
	})
	// What can be done is done: whole messages, too.
	long := big[:40_000]
	for _, send := range []func() (int, error){
		func() (int, error) { return udp.WriteTo(long, udp.LocalAddr()) },
		func() (int, error) {
			n, _, err := udp.WriteMsgUDP(long, nil, udp.LocalAddr().(*net.UDPAddr))
			return n, err
		},
	} {
		if n, err := send(); n != len(long) || err != nil {
			t.Fatalf("%d bytes sent, %v", n, err)
		}
		udp.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := udp.Read(big); n != len(long) || err != nil {
			t.Fatalf("%d bytes received, %v", n, err)
		}
	}
}
