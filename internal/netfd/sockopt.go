//go:build unix || windows

package netfd

import (
	"syscall"
	"time"

	"github.com/moor-net/moor/internal/sys"
)

// setConnOptions sets what every TCP connection has. Errors are ignored, as
// package net ignores them.
func setConnOptions(s int, ka KeepAlive) {
	sys.SetsockoptInt(s, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
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
		return call("setsockopt", sys.SetsockoptInt(s, level, opt, value))
	})
}

// SetNoDelay sets TCP_NODELAY: tcp(7).
func (fd *FD) SetNoDelay(on bool) error {
	return fd.setInt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, boolint(on))
}

// SetKeepAlive sets SO_KEEPALIVE: socket(7).
func (fd *FD) SetKeepAlive(on bool) error {
	return fd.setInt(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, boolint(on))
}

// SetReadBuffer sets SO_RCVBUF, in bytes: socket(7).
func (fd *FD) SetReadBuffer(bytes int) error {
	return fd.setInt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, bytes)
}

// SetWriteBuffer sets SO_SNDBUF, in bytes: socket(7).
func (fd *FD) SetWriteBuffer(bytes int) error {
	return fd.setInt(syscall.SOL_SOCKET, syscall.SO_SNDBUF, bytes)
}

// SetLinger sets SO_LINGER: see net.TCPConn.SetLinger.
func (fd *FD) SetLinger(sec int) error {
	l := syscall.Linger{Onoff: int32(boolint(sec >= 0)), Linger: int32(max(sec, 0))}
	return fd.control(func(s int) error { return call("setsockopt", sys.SetLinger(s, &l)) })
}

// CloseRead shuts the reading direction down: shutdown(2).
func (fd *FD) CloseRead() error { return fd.shutdown(syscall.SHUT_RD) }

// CloseWrite shuts the writing direction down: shutdown(2).
func (fd *FD) CloseWrite() error { return fd.shutdown(syscall.SHUT_WR) }

func (fd *FD) shutdown(how int) error {
	return fd.control(func(s int) error { return call("shutdown", sys.Shutdown(s, how)) })
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
	var err error
	if closed := fd.RawControl(func(s uintptr) { err = setKeepAliveIdle(int(s), d) }); closed != nil {
		return keepAliveClosed(closed)
	}
	return err
}

// control runs f with the descriptor and returns its error.
func (fd *FD) control(f func(s int) error) error {
	var err error
	if closed := fd.RawControl(func(s uintptr) { err = f(int(s)) }); closed != nil {
		return closed
	}
	return err
}
