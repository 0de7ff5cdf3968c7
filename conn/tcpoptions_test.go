//go:build linux || windows

package conn_test

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

// tcpOptions are those that package net sets. The last three need not be known to
// the system: they are zero then.
type tcpOptions struct{ noDelay, keepAlive, idle, interval, count int }

// Options of an accepted connection are those that std sets on each; here they
// are inherited from the listening socket.
func TestAcceptedConnectionsHaveStdsOptions(t *testing.T) {
	configs := map[string]net.ListenConfig{
		"default":       {},
		"off":           {KeepAlive: -1},
		"period":        {KeepAlive: 42 * time.Second},
		"config":        {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 3500 * time.Millisecond, Interval: 7 * time.Second, Count: 2}},
		"keep system's": {KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}},
	}
	for name, std := range configs {
		for _, mptcp := range []bool{false, true} { // of listener and dialer alike
			t.Run(fmt.Sprintf("%s/mptcp=%v", name, mptcp), func(t *testing.T) {
				lc := listener.ListenConfig{KeepAlive: std.KeepAlive, KeepAliveConfig: std.KeepAliveConfig}
				lc.SetMultipathTCP(mptcp)
				std.SetMultipathTCP(mptcp)
				var got [2]tcpOptions
				for i, lc := range []interface {
					Listen(ctx context.Context, network, address string) (net.Listener, error)
				}{&std, &lc} {
					ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
					if err != nil {
						t.Fatal(err)
					}
					defer ln.Close()
					d := net.Dialer{}
					d.SetMultipathTCP(mptcp)
					p, err := d.Dial("tcp", ln.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					defer p.Close()
					c, err := ln.Accept()
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					control(t, c.(syscall.Conn), func(fd int) { got[i] = optionsOf(fd) })
				}
				if got[0] != got[1] {
					t.Errorf("options %+v, std has %+v", got[1], got[0])
				}
			})
		}
	}
}

func TestDialledConnectionsHaveStdsOptions(t *testing.T) {
	ln := listen(t, "tcp", "127.0.0.1:0")
	for name, ka := range map[string]net.KeepAliveConfig{"default": {}, "config": {Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 3}} {
		var got [2]tcpOptions
		std := net.Dialer{KeepAliveConfig: ka}
		ours := conn.Dialer{KeepAliveConfig: ka}
		for i, dial := range []func(string, string) (net.Conn, error){std.Dial, ours.Dial} {
			c, err := dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			control(t, c.(syscall.Conn), func(fd int) { got[i] = optionsOf(fd) })
		}
		if got[0] != got[1] {
			t.Errorf("%s: options %+v, std has %+v", name, got[1], got[0])
		}
	}
}
