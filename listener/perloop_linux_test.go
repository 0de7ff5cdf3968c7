package listener_test

// Sockets that share a port among them are Linux's (SO_REUSEPORT).

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
	moorrt "github.com/moor-net/moor/runtime"
)

func listenPerLoop(t *testing.T, loops int) (*listener.PerLoopListener, *moorrt.Runtime) {
	t.Helper()
	rt, err := moorrt.New(moorrt.Config{Loops: loops})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := (&listener.ListenConfig{PerLoop: true, Runtime: rt}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ln.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		rt.Shutdown(ctx)
	})
	return ln.(*listener.PerLoopListener), rt
}

func TestPerLoopListenerSpreadsConnectionsOverItsLoops(t *testing.T) {
	const loops, conns = 3, 300
	ln, rt := listenPerLoop(t, loops)
	for range conns {
		dialled, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer dialled.Close()
		accepted, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer accepted.Close()
		if _, ok := accepted.(*conn.TCPConn); !ok {
			t.Fatalf("accepted a %T", accepted)
		}
		if accepted.RemoteAddr().String() != dialled.LocalAddr().String() {
			// Another socket's connection may come first.
			continue
		}
		go dialled.Write([]byte("x"))
		if _, err := io.ReadFull(accepted, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	var total int64
	for i, l := range rt.Stats().Loops {
		n := l.Conns - 1 // the socket
		total += n
		// The kernel spreads by a hash: far from all to one.
		if n < conns/loops/4 {
			t.Errorf("loop %d has %d of %d connections", i, n, conns)
		}
	}
	if total != conns {
		t.Errorf("%d connections, want %d", total, conns)
	}
}

func TestPerLoopListenerCloses(t *testing.T) {
	ln, rt := listenPerLoop(t, 2)
	got := make(chan error)
	for range 3 {
		go func() {
			c, err := ln.Accept()
			if c != nil {
				t.Error("a connection together with an error")
			}
			got <- err
		}()
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := <-got; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept: %v, want net.ErrClosed", err)
		}
	}
	if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v, want net.ErrClosed", err)
	}
	if n := rt.Stats().Conns(); n != 0 {
		t.Errorf("%d sockets are left", n)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the address still answers")
	}
}

func TestPerLoopListenerEndsWithItsRuntime(t *testing.T) {
	ln, rt := listenPerLoop(t, 2)
	if err := rt.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v, want net.ErrClosed", err)
	}
}

func TestPerLoopListenerOfATakenAddress(t *testing.T) {
	taken := listenOurs(t)
	before := openDescriptors(t)
	rt, err := moorrt.New(moorrt.Config{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&listener.ListenConfig{PerLoop: true, Runtime: rt}).Listen(t.Context(), "tcp", taken.Addr().String()); err == nil {
		t.Error("listening on a taken address succeeds")
	}
	if err := rt.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if after := openDescriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func listenOurs(t *testing.T) net.Listener {
	t.Helper()
	ln, err := listener.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}
