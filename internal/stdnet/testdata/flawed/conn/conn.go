// Package conn is a library with faults that the comparison must find.
package conn

import (
	"errors"
	"net"
)

// TCPConn is std's with some methods spoilt.
type TCPConn struct{ *net.TCPConn }

// Dial dials like std and leaves other networks than TCP alone.
func Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		return &TCPConn{tcp}, nil
	}
	return c, nil
}

// Read hides that it timed out.
func (c *TCPConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		err = errors.New("too late")
	}
	return n, err
}

// SetLinger brings the process down and lets nothing happen before that.
func (c *TCPConn) SetLinger(int) error {
	go panic("a flaw")
	select {}
}

// SetNoDelay has lost its parameter.
func (c *TCPConn) SetNoDelay() error { return nil }
