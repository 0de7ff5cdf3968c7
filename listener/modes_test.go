//go:build linux || windows

package listener_test

import (
	"net"
	"sync"
	"testing"

	"github.com/moor-net/moor/internal/sockerr"
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
	runs := 2000
	if sockerr.Wine {
		runs = 200
	}
	for name, serve := range modes(t) {
		t.Run(name, func(t *testing.T) {
			request := requester(t, serve())
			for range 200 {
				request() // pools are filled
			}
			if n := testing.AllocsPerRun(runs, request); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
