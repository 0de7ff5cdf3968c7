//go:build !linux && !windows

package conn

import "io"

// Elsewhere everything is copied in the ordinary way.

func (c *TCPConn) sendFile(io.Reader, int64) (int64, bool, error) { return 0, false, nil }

func (c *TCPConn) spliceFrom(io.Reader, int64) (int64, bool, error) { return 0, false, nil }

func (c *TCPConn) spliceTo(io.Writer) (int64, bool, error) { return 0, false, nil }
