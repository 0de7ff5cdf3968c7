package conn_test

import (
	"flag"
	"net"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/moor-net/moor/conn"
	"github.com/moor-net/moor/listener"
)

var rounds = flag.Int("rounds", 2, "how often the conformance suites of net.Conn run")

// tcpPipe makes two connected conns of ours.
func tcpPipe(network, address string) nettest.MakePipe {
	return func() (c1, c2 net.Conn, stop func(), err error) {
		ln, err := listener.Listen(network, address)
		if err != nil {
			return nil, nil, nil, err
		}
		defer ln.Close()
		accepted := make(chan error, 1)
		go func() {
			var err error
			c2, err = ln.Accept()
			accepted <- err
		}()
		c1, err = conn.Dial(network, ln.Addr().String())
		if err != nil {
			return nil, nil, nil, err
		}
		if err := <-accepted; err != nil {
			return nil, nil, nil, err
		}
		return c1, c2, func() { c1.Close(); c2.Close() }, nil
	}
}

// The suites mostly wait, so they run at the same time.

func TestNettestTCP4(t *testing.T) {
	t.Parallel()
	for range *rounds {
		nettest.TestConn(t, tcpPipe("tcp4", "127.0.0.1:0"))
	}
}

func TestNettestTCP6(t *testing.T) {
	t.Parallel()
	if !nettest.SupportsIPv6() {
		t.Skip("the host has no IPv6")
	}
	for range *rounds {
		nettest.TestConn(t, tcpPipe("tcp6", "[::1]:0"))
	}
}
