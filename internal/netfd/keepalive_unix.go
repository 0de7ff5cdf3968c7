//go:build unix

package netfd

import (
	"time"

	"golang.org/x/sys/unix"
)

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

// keepAliveClosed returns the error of setKeepAliveIdle for a socket that was
// closed.
func keepAliveClosed(err error) error { return err }
