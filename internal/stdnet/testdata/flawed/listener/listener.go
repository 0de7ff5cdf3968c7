// Package listener accepts the connections of the flawed package conn.
package listener

import (
	"context"
	"net"

	"github.com/moor-net/moor/internal/stdnet/testdata/flawed/conn"
)

// TCPListener is std's, for the flawed connections.
type TCPListener struct{ *net.TCPListener }

// Accept waits for a connection.
func (l *TCPListener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return &conn.TCPConn{TCPConn: c}, nil
}

// ListenConfig is std's, for the flawed connections.
type ListenConfig struct{ net.ListenConfig }

// Listen listens like std and leaves other networks than TCP alone.
func (lc *ListenConfig) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	ln, err := lc.ListenConfig.Listen(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := ln.(*net.TCPListener); ok {
		return &TCPListener{tcp}, nil
	}
	return ln, nil
}
