package listener_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/moor-net/moor/conn"
)

// requester returns a function that makes one request of 64 bytes, on a connection
// that allocates nothing for it.
func requester(tb testing.TB, to net.Addr) func() {
	c, err := conn.Dial("tcp", to.String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(2 * time.Minute))
	out, in := make([]byte, 64), make([]byte, 64)
	return func() {
		if _, err := c.Write(out); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.ReadFull(c, in); err != nil {
			tb.Fatal(err)
		}
	}
}
