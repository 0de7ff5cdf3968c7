package integration_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/mem"

	"github.com/moor-net/moor/conn"
)

// A readyConn is a connection with the method that gRPC looks for to take a
// read buffer from its pool only once there is something to read. gRPC does so
// by itself with package net's own types alone. Over TLS it reads from the
// tls.Conn, which has no such method.
type readyConn struct {
	*conn.TCPConn
	reads *atomic.Int64 // calls of ReadOnReady
}

// ReadOnReady waits, without a buffer, until there is something to read. It
// then takes a buffer of the given size from pool and reads into it.
func (c readyConn) ReadOnReady(size int, pool mem.BufferPool) (*[]byte, int, error) {
	c.reads.Add(1)
	if err := c.WaitReadable(context.Background()); err != nil {
		return nil, 0, err
	}
	buf := pool.Get(size)
	n, err := c.Read(*buf)
	if n == 0 {
		pool.Put(buf)
		buf = nil
	}
	return buf, n, err
}

// readyListener accepts readyConns.
type readyListener struct {
	net.Listener
	reads *atomic.Int64
}

func (l readyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return readyConn{c.(*conn.TCPConn), l.reads}, nil
}

// gRPC works as ever when both ends wait for readability.
func TestGRPCReadOnReady(t *testing.T) {
	s := newStack(t)
	var serverReads, clientReads atomic.Int64
	_, address, service := serveGRPCOn(t, readyListener{s.listen(t), &serverReads})
	cc, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			c, err := s.dialer().DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			return readyConn{c.(*conn.TCPConn), &clientReads}, nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	c := pb.NewTestServiceClient(cc)
	t.Run("unary", func(t *testing.T) { testGRPCUnary(t, c) })
	t.Run("streams", func(t *testing.T) { testGRPCStreams(t, c) })
	t.Run("ends", func(t *testing.T) { testGRPCEnds(t, c, service) })
	if serverReads.Load() == 0 || clientReads.Load() == 0 {
		t.Errorf("gRPC has called ReadOnReady %d and %d times", serverReads.Load(), clientReads.Load())
	}
}

// HTTP/2's frames that an idle client sends: RFC 9113, sections 3.4 and 6.
const (
	h2Preface      = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	h2Ack          = "\x00\x00\x00\x04\x01\x00\x00\x00\x00" // of the server's settings
	h2Ping         = "\x00\x00\x08\x06\x00\x00\x00\x00\x00"
	h2PingAck      = "\x00\x00\x08\x06\x01\x00\x00\x00\x00"
	h2Settings     = 4
	h2WindowUpdate = 8
)

// idleGRPC opens n connections to a gRPC server, each of which gets an answer
// to a ping and is idle from then on.
func idleGRPC(t *testing.T, address string, n int) []net.Conn {
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(time.Minute))
		conns[i] = c
		io.WriteString(c, h2Preface+h2Ack)
		pingGRPC(t, c, uint64(i))
	}
	return conns
}

// pingGRPC sends a ping and waits for its answer.
func pingGRPC(t *testing.T, c net.Conn, n uint64) {
	t.Helper()
	c.Write(binary.BigEndian.AppendUint64([]byte(h2Ping), n))
	var head [9]byte
	for {
		if _, err := io.ReadFull(c, head[:]); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c, body); err != nil {
			t.Fatal(err)
		}
		if string(head[:]) == h2PingAck {
			if got := binary.BigEndian.Uint64(body); got != n {
				t.Fatalf("the answer to ping %d is to %d", n, got)
			}
			return
		}
		if kind := head[3]; kind != h2Settings && kind != h2WindowUpdate {
			t.Fatalf("got a frame of type %d", kind)
		}
	}
}

// Idle connections of a gRPC server have no read buffers, which take 32 KiB
// each otherwise.
func TestIdleGRPCConnectionsHaveNoReadBuffers(t *testing.T) {
	n := 1000
	if testing.Short() || raceDetector {
		n = 200
	}
	const buffer = 32 << 10 // gRPC's default
	measure := func(wrap func(net.Listener) net.Listener) float64 {
		s := newStack(t)
		srv, address, _ := serveGRPCOn(t, wrap(s.listen(t)))
		idleGRPC(t, address, 20)
		before := heap()
		conns := idleGRPC(t, address, n)
		each := float64(heap()-before) / float64(n)
		for i, c := range conns { // they work on
			pingGRPC(t, c, uint64(n+i))
			c.Close()
		}
		srv.Stop()
		return each
	}
	var reads atomic.Int64
	without := measure(func(ln net.Listener) net.Listener { return ln })
	with := measure(func(ln net.Listener) net.Listener { return readyListener{ln, &reads} })
	t.Logf("%d idle connections: %.0f bytes of heap each, both ends; without the adapter %.0f", n, with, without)
	if with > without-buffer*9/10 {
		t.Errorf("%.0f bytes each, want %d less than %.0f", with, buffer, without)
	}
	if reads.Load() == 0 {
		t.Error("gRPC has not called ReadOnReady")
	}
}

// heap returns the bytes of live heap.
func heap() int64 {
	for range 4 { // pools give up their contents after two, finalizers run after one
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
