package conn_test

// Benchmarks are for Linux alone: under Wine nothing is measured.

import (
	"io"
	"net"
	"testing"

	"github.com/moor-net/moor/conn"
)

// One datagram there and back between two goroutines.
func BenchmarkUDPRoundTrip(b *testing.B) {
	for _, s := range []stack{std, ours} {
		b.Run(s.name, func(b *testing.B) {
			echo := open(s.listenUDP("udp4", loopback("udp4")))(b)
			c := open(s.listenUDP("udp4", loopback("udp4")))(b)
			to := echo.LocalAddr().(*net.UDPAddr).AddrPort()
			go func() {
				for buf := make([]byte, 1500); ; {
					n, from, err := echo.ReadFromUDPAddrPort(buf)
					if err != nil {
						return
					}
					echo.WriteToUDPAddrPort(buf[:n], from)
				}
			}()
			buf := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.WriteToUDPAddrPort(buf, to); err != nil {
					b.Fatal(err)
				}
				if _, _, err := c.ReadFromUDPAddrPort(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What a datagram costs that is sent and received, in 64s: one by one, and in a
// batch.
func BenchmarkUDPThroughput(b *testing.B) {
	const n = 64
	for _, s := range []stack{std, ours} {
		b.Run(s.name, func(b *testing.B) {
			in := open(s.listenUDP("udp4", loopback("udp4")))(b)
			out := open(s.dialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(b)
			buf := make([]byte, 1200)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := out.Write(buf); err != nil {
					b.Fatal(err)
				}
				if i%n < n-1 {
					continue
				}
				for range n {
					if _, _, err := in.ReadFromUDPAddrPort(buf); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
	b.Run("batch", func(b *testing.B) {
		in := open(conn.ListenUDP("udp4", loopback("udp4")))(b)
		out := open(conn.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr)))(b)
		send, read := messages(n, 1200), messages(n, 1200)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%n < n-1 {
				continue
			}
			if _, err := out.WriteBatch(send, 0); err != nil {
				b.Fatal(err)
			}
			for got := 0; got < n; {
				k, err := in.ReadBatch(read, 0)
				if err != nil {
					b.Fatal(err)
				}
				got += k
			}
		}
	})
}

// 64 bytes there and back over a Unix stream.
func BenchmarkUnixRoundTrip(b *testing.B) {
	for _, s := range []stack{std, ours} {
		b.Run(s.name, func(b *testing.B) {
			c, a := unixPair(b, s, "unix")
			go func() {
				for buf := make([]byte, 64); ; {
					n, err := a.Read(buf)
					if err != nil {
						return
					}
					a.Write(buf[:n])
				}
			}()
			buf := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				c.Write(buf)
				if _, err := io.ReadFull(c, buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A proxy between two TCP connections, by io.Copy.
func BenchmarkProxy(b *testing.B) {
	const chunk = 1 << 20
	for _, s := range []stack{std, ours} {
		b.Run(s.name, func(b *testing.B) {
			front, client := benchPair(b, s)
			back, server := benchPair(b, s)
			go io.Copy(back, front)
			got := make(chan struct{})
			go func() {
				for buf := make([]byte, chunk); ; {
					if _, err := io.ReadFull(server, buf); err != nil {
						return
					}
					got <- struct{}{}
				}
			}()
			buf := make([]byte, chunk)
			b.SetBytes(chunk)
			for b.Loop() {
				if _, err := client.Write(buf); err != nil {
					b.Fatal(err)
				}
				<-got
			}
		})
	}
}

// benchPair returns a connection of the stack and std's other end.
func benchPair(b *testing.B, s stack) (net.Conn, net.Conn) {
	b.Helper()
	ln := open(net.Listen("tcp", "127.0.0.1:0"))(b)
	c := open(s.dial("tcp", ln.Addr().String()))(b)
	return c, open(ln.Accept())(b)
}

// A hundred small buffers, by std's hook and by WriteBuffers.
func BenchmarkBuffers(b *testing.B) {
	for _, s := range []stack{std, ours} {
		b.Run(s.name, func(b *testing.B) {
			c, peer := benchPair(b, s)
			go io.Copy(io.Discard, peer)
			chunk := make([]byte, 100)
			bufs := make(net.Buffers, 100)
			for b.Loop() {
				for i := range bufs {
					bufs[i] = chunk
				}
				v := bufs
				var err error
				if ours, ok := c.(*conn.TCPConn); ok {
					_, err = ours.WriteBuffers(&v)
				} else {
					_, err = v.WriteTo(c)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
