package listener_test

import (
	"net"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/listener"
	"github.com/moor-net/moor/runtime/pool"
)

// modes are the ways to serve an echo, and package net's to compare.
func modes(tb testing.TB) map[string]func() net.Addr {
	listen := func(ln net.Listener, err error) net.Listener {
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { ln.Close() })
		return ln
	}
	echo := func(c net.Conn) {
		defer c.Close()
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if _, err := c.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	goroutines := func(ln net.Listener) net.Addr {
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go echo(c)
			}
		}()
		return ln.Addr()
	}
	return map[string]func() net.Addr{
		"std":       func() net.Addr { return goroutines(listen(net.Listen("tcp", "127.0.0.1:0"))) },
		"goroutine": func() net.Addr { return goroutines(listen(listener.Listen("tcp", "127.0.0.1:0"))) },
		"coroutine": func() net.Addr {
			ln := listen(listener.Listen("tcp", "127.0.0.1:0"))
			go listener.Serve(ln, echo)
			return ln.Addr()
		},
		"event": func() net.Addr {
			ln := listen(listener.Listen("tcp", "127.0.0.1:0"))
			go listener.ServeEvents(ln, listener.Events{OnReadable: func(c *listener.EventConn) error {
				p, _ := c.Next(-1)
				_, err := c.Write(p)
				return err
			}})
			return ln.Addr()
		},
		"burst": func() net.Addr {
			ln := listen(listener.Listen("tcp", "127.0.0.1:0"))
			workers, err := pool.New(pool.Config{Size: 4})
			if err != nil {
				tb.Fatal(err)
			}
			buffers := sync.Pool{New: func() any { return new([4096]byte) }}
			go listener.ServeBursts(ln, func(c net.Conn) error {
				buf := buffers.Get().(*[4096]byte)
				defer buffers.Put(buf)
				n, err := c.Read(buf[:])
				if err != nil {
					return err
				}
				_, err = c.Write(buf[:n])
				return err
			}, func(s *listener.BurstServer) { s.Pool = workers })
			return ln.Addr()
		},
	}
}

// requester returns a function that makes one request of 64 bytes, with
// blocking system calls alone: what is allocated is the server's doing.
func requester(tb testing.TB, to net.Addr) func() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(fd) })
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: to.(*net.TCPAddr).Port}); err != nil {
		tb.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 120}); err != nil {
		tb.Fatal(err)
	}
	out, in := make([]byte, 64), make([]byte, 64)
	return func() {
		if n, err := unix.Write(fd, out); n != len(out) || err != nil {
			tb.Fatalf("%d bytes written: %v", n, err)
		}
		for have := 0; have < len(in); {
			n, err := unix.Read(fd, in[have:])
			if err == unix.EINTR {
				continue
			}
			if err != nil || n == 0 {
				tb.Fatalf("%d bytes came back, then %d: %v", have, n, err)
			}
			have += n
		}
	}
}

// A round trip of one connection. What a server takes under load is for bench/
// to say: here client and server share the processors.
func BenchmarkRoundTrip(b *testing.B) {
	for name, serve := range modes(b) {
		b.Run(name, func(b *testing.B) {
			request := requester(b, serve())
			request()
			b.ReportAllocs()
			for b.Loop() {
				request()
			}
		})
	}
}

func TestNoModeAllocatesForARequest(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's sync.Pool drops what is put into it")
	}
	for name, serve := range modes(t) {
		t.Run(name, func(t *testing.T) {
			request := requester(t, serve())
			for range 200 {
				request() // pools are filled
			}
			if n := testing.AllocsPerRun(2000, request); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
