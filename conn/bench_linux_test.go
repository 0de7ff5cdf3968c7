package conn_test

// Benchmarks are for Linux alone: under Wine nothing is measured.

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// library is one of the two that every benchmark here runs over: package net
// and this one.
type library struct {
	name   string
	listen func(network, address string) (net.Listener, error)
	dial   func(network, address string) (net.Conn, error)
}

var libraries = []library{
	{"std", net.Listen, net.Dial},
	{"moor", listener.Listen, conn.Dial},
}

// both runs f over each library with a connection's two ends.
func both(b *testing.B, f func(b *testing.B, dialled, accepted net.Conn)) {
	for _, lib := range libraries {
		b.Run(lib.name, func(b *testing.B) {
			ln, err := lib.listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			dialled, err := lib.dial("tcp", ln.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer dialled.Close()
			accepted, err := ln.Accept()
			if err != nil {
				b.Fatal(err)
			}
			defer accepted.Close()
			b.ReportAllocs()
			f(b, dialled, accepted)
		})
	}
}

func BenchmarkSetReadDeadline(b *testing.B) {
	both(b, func(b *testing.B, c, _ net.Conn) {
		at := time.Now().Add(time.Hour)
		for b.Loop() {
			c.SetReadDeadline(at)
		}
	})
}

func BenchmarkSetDeadline(b *testing.B) {
	both(b, func(b *testing.B, c, _ net.Conn) {
		at := time.Now().Add(time.Hour)
		for b.Loop() {
			c.SetDeadline(at)
		}
	})
}

func BenchmarkSetReadDeadlineFromNow(b *testing.B) {
	both(b, func(b *testing.B, c, _ net.Conn) {
		for b.Loop() {
			c.SetReadDeadline(time.Now().Add(time.Minute))
		}
	})
}

func BenchmarkEcho64(b *testing.B) {
	both(b, func(b *testing.B, c, peer net.Conn) {
		go io.Copy(onlyWriter{peer}, onlyReader{peer})
		buf := make([]byte, 64)
		for b.Loop() {
			c.Write(buf)
			if _, err := io.ReadFull(c, buf); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReadOfDataThere(b *testing.B) {
	both(b, func(b *testing.B, c, peer net.Conn) {
		big, one := make([]byte, 64<<10), make([]byte, 1)
		for left := 0; b.Loop(); left-- {
			if left == 0 {
				b.StopTimer()
				peer.Write(big)
				left = len(big)
				b.StartTimer()
			}
			if _, err := c.Read(one); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The socket has always room: what was written is taken out of it meanwhile.
func BenchmarkWrite(b *testing.B) {
	both(b, func(b *testing.B, c, peer net.Conn) {
		const between = 256
		one, all := make([]byte, 64), make([]byte, 64*between)
		for i := 1; b.Loop(); i++ {
			if _, err := c.Write(one); err != nil {
				b.Fatal(err)
			}
			if i%between == 0 {
				b.StopTimer()
				if _, err := io.ReadFull(peer, all); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		}
	})
}

// some is how many connections are dialled, then accepted, then closed, so that
// the one can be timed without the others.
const some = 64

func BenchmarkDial(b *testing.B) {
	for _, lib := range libraries {
		b.Run(lib.name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			addr := ln.Addr().String()
			var ends []net.Conn
			b.ReportAllocs()
			for i := 1; b.Loop(); i++ {
				c, err := lib.dial("tcp", addr)
				if err != nil {
					b.Fatal(err)
				}
				ends = append(ends, c)
				if i%some == 0 {
					b.StopTimer()
					for range some {
						ends = append(ends, accept(b, ln))
					}
					ends = reset(ends)
					b.StartTimer()
				}
			}
			b.StopTimer()
			reset(ends)
		})
	}
}

func BenchmarkAccept(b *testing.B) {
	for _, lib := range libraries {
		b.Run(lib.name, func(b *testing.B) {
			ln, err := lib.listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			addr := ln.Addr().String()
			var ends []net.Conn
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%some == 0 {
					b.StopTimer()
					ends = reset(ends)
					for range some {
						c, err := net.Dial("tcp", addr)
						if err != nil {
							b.Fatal(err)
						}
						ends = append(ends, c)
					}
					b.StartTimer()
				}
				ends = append(ends, accept(b, ln))
			}
			b.StopTimer()
			reset(ends)
		})
	}
}

func accept(b *testing.B, ln net.Listener) net.Conn {
	c, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// reset closes connections, and leaves no port behind in TIME_WAIT.
func reset(ends []net.Conn) []net.Conn {
	for _, c := range ends {
		c.(interface{ SetLinger(int) error }).SetLinger(0)
		c.Close()
	}
	return ends[:0]
}

func BenchmarkDialAcceptClose(b *testing.B) {
	for _, lib := range libraries {
		b.Run(lib.name, func(b *testing.B) {
			ln, err := lib.listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			b.ReportAllocs()
			for b.Loop() {
				c, err := lib.dial("tcp", ln.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				// A reset leaves no port behind in TIME_WAIT.
				c.(interface{ SetLinger(int) error }).SetLinger(0)
				a, err := ln.Accept()
				if err != nil {
					b.Fatal(err)
				}
				c.Close()
				a.Close()
			}
		})
	}
}

type onlyWriter struct{ io.Writer }
