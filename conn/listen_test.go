package conn_test

import (
	"net"
	"testing"

	"github.com/moor-net/moor/listener"
)

// listen returns a listener of ours that is closed with the test.
func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	ln, err := listener.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}
