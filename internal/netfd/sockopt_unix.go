//go:build unix

package netfd

import (
	"time"

	"golang.org/x/sys/unix"
)

// setConnOptions sets what every TCP connection has. Errors are ignored, as
// package net ignores them.
func setConnOptions(s int, ka KeepAlive) {
	unix.SetsockoptInt(s, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if ka.Enable {
		setKeepAlive(s, ka)
	}
}

// SetConnOptions is setConnOptions for a connection that was dialled.
func (fd *FD) SetConnOptions(ka KeepAlive) {
	fd.RawControl(func(s uintptr) { setConnOptions(int(s), ka) })
}

func (fd *FD) setInt(level, opt, value int) error {
	return fd.control(func(s int) error {
		return call("setsockopt", unix.SetsockoptInt(s, level, opt, value))
	})
}

// SetNoDelay sets TCP_NODELAY: tcp(7).
func (fd *FD) SetNoDelay(on bool) error {
	return fd.setInt(unix.IPPROTO_TCP, unix.TCP_NODELAY, boolint(on))
}

// SetKeepAlive sets SO_KEEPALIVE: socket(7).
func (fd *FD) SetKeepAlive(on bool) error {
	return fd.setInt(unix.SOL_SOCKET, unix.SO_KEEPALIVE, boolint(on))
}

// SetReadBuffer sets SO_RCVBUF, in bytes: socket(7).
func (fd *FD) SetReadBuffer(bytes int) error {
	return fd.setInt(unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
}

// SetWriteBuffer sets SO_SNDBUF, in bytes: socket(7).
func (fd *FD) SetWriteBuffer(bytes int) error {
	return fd.setInt(unix.SOL_SOCKET, unix.SO_SNDBUF, bytes)
}

// SetLinger sets SO_LINGER: see net.TCPConn.SetLinger.
func (fd *FD) SetLinger(sec int) error {
	l := unix.Linger{Onoff: int32(boolint(sec >= 0)), Linger: int32(max(sec, 0))}
	return fd.control(func(s int) error {
		return call("setsockopt", unix.SetsockoptLinger(s, unix.SOL_SOCKET, unix.SO_LINGER, &l))
	})
}

// CloseRead shuts the reading direction down: shutdown(2).
func (fd *FD) CloseRead() error { return fd.shutdown(unix.SHUT_RD) }

// CloseWrite shuts the writing direction down: shutdown(2).
func (fd *FD) CloseWrite() error { return fd.shutdown(unix.SHUT_WR) }

func (fd *FD) shutdown(how int) error {
	return fd.control(func(s int) error { return call("shutdown", unix.Shutdown(s, how)) })
}

// setKeepAlive configures keep-alive: tcp(7).
func setKeepAlive(s int, ka KeepAlive) error {
	if err := unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_KEEPALIVE, boolint(ka.Enable)); err != nil {
		return call("setsockopt", err)
	}
	if err := setKeepAliveIdle(s, ka.Idle); err != nil {
		return err
	}
	if err := setDuration(s, unix.TCP_KEEPINTVL, ka.Interval, keepAliveInterval); err != nil {
		return err
	}
	n := ka.Count
	switch {
	case n == 0:
		n = keepAliveCount
	case n < 0:
		return nil
	}
	return call("setsockopt", unix.SetsockoptInt(s, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, n))
}

func setDuration(s, opt int, d, zero time.Duration) error {
	switch {
	case d == 0:
		d = zero
	case d < 0:
		return nil
	}
	return call("setsockopt", unix.SetsockoptInt(s, unix.IPPROTO_TCP, opt, seconds(d)))
}

// setKeepAliveIdle sets the time before the first probe alone.
func setKeepAliveIdle(s int, d time.Duration) error {
	return setDuration(s, keepIdleOption, d, keepAliveIdle)
}

// SetKeepAliveConfig configures keep-alive: see net.TCPConn.
func (fd *FD) SetKeepAliveConfig(ka KeepAlive) error {
	return fd.control(func(s int) error { return setKeepAlive(s, ka) })
}

// SetKeepAliveIdle sets the time before the first probe alone.
func (fd *FD) SetKeepAliveIdle(d time.Duration) error {
	if d < 0 {
		return nil // also when the socket was closed, as in package net
	}
	return fd.control(func(s int) error { return setKeepAliveIdle(s, d) })
}

// control runs f with the descriptor and returns its error.
func (fd *FD) control(f func(s int) error) error {
	var err error
	if closed := fd.RawControl(func(s uintptr) { err = f(int(s)) }); closed != nil {
		return closed
	}
	return err
}
