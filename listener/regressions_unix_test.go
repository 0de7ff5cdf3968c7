//go:build unix

package listener_test

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// Connections accepted in event and burst mode from a listener that others had
// made lacked the options that it did not have.
func TestInheritedListenersConnectionsHaveOptions(t *testing.T) {
	// What a listening socket of package net does not have.
	type options struct{ noDelay, keepAlive int }
	found := make(chan options, 1)
	look := func(fd uintptr) {
		var o options
		o.noDelay, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY)
		o.keepAlive, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
		found <- o
	}
	for mode, serve := range map[string]func(net.Listener) error{
		"event": func(ln net.Listener) error {
			return listener.ServeEvents(ln, listener.Events{OnOpen: func(c *listener.EventConn) error {
				return c.FD().RawControl(look)
			}})
		},
		"burst": func(ln net.Listener) error {
			return listener.ServeBursts(ln, func(net.Conn) error { return net.ErrClosed }, func(s *listener.BurstServer) {
				s.OnOpen = func(c net.Conn) error {
					return c.(*conn.TCPConn).FD().RawControl(look)
				}
			})
		},
	} {
		t.Run(mode, func(t *testing.T) {
			std, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer std.Close()
			f, err := std.(*net.TCPListener).File()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			ln, err := listener.FileListener(f)
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go serve(ln)
			c, err := net.Dial("tcp", std.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got := await(t, found, "connection"); got.noDelay == 0 || got.keepAlive == 0 {
				t.Errorf("no-delay is %d and keep-alive %d", got.noDelay, got.keepAlive)
			}
		})
	}
}
