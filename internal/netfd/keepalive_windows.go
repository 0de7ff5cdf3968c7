package netfd

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Options of Windows 10, version 1709 and later. Before, and under Wine, they
// answer WSAENOPROTOOPT, and SIO_KEEPALIVE_VALS does what can be done.
const (
	tcpKeepIdle     = 3
	tcpKeepCount    = 16
	tcpKeepInterval = 17
)

// systemInterval is the system's time between probes: SIO_KEEPALIVE_VALS wants
// both or none.
const systemInterval = time.Second

// setKeepAlive configures keep-alive.
func setKeepAlive(s int, ka KeepAlive) error {
	on := boolint(ka.Enable)
	if err := windows.SetsockoptInt(windows.Handle(s), windows.SOL_SOCKET, windows.SO_KEEPALIVE, on); err != nil {
		return call("setsockopt", err)
	}
	idle, interval := orDefault(ka.Idle, keepAliveIdle), orDefault(ka.Interval, keepAliveInterval)
	err := setTCP(s, tcpKeepIdle, seconds(idle), idle >= 0)
	if err == nil {
		err = setTCP(s, tcpKeepInterval, seconds(interval), interval >= 0)
	}
	if err == windows.WSAENOPROTOOPT {
		if err := setKeepAliveValues(s, idle, interval); err != nil {
			return err
		}
	} else if err != nil {
		return call("setsockopt", err)
	}
	count := ka.Count
	if count == 0 {
		count = keepAliveCount
	}
	return call("setsockopt", setTCP(s, tcpKeepCount, count, count > 0))
}

func orDefault(d, zero time.Duration) time.Duration {
	if d == 0 {
		return zero
	}
	return d
}

// setTCP sets an option, if it is to be set.
func setTCP(s, opt, value int, wanted bool) error {
	if !wanted {
		return nil
	}
	return windows.SetsockoptInt(windows.Handle(s), windows.IPPROTO_TCP, opt, value)
}

// setKeepAliveValues sets what is not negative. The interval alone can't be set.
func setKeepAliveValues(s int, idle, interval time.Duration) error {
	switch {
	case idle < 0 && interval < 0:
		return nil
	case idle < 0:
		return call("setsockopt", windows.WSAENOPROTOOPT)
	case interval < 0:
		interval = systemInterval
	}
	milliseconds := func(d time.Duration) uint32 { return uint32((d + time.Millisecond - 1) / time.Millisecond) }
	values := windows.TCPKeepalive{OnOff: 1, Time: milliseconds(idle), Interval: milliseconds(interval)}
	var n uint32
	return call("wsaioctl", windows.WSAIoctl(windows.Handle(s), windows.SIO_KEEPALIVE_VALS,
		(*byte)(unsafe.Pointer(&values)), uint32(unsafe.Sizeof(values)), nil, 0, &n, nil, 0))
}

// setKeepAliveIdle sets the time before the first probe alone.
func setKeepAliveIdle(s int, d time.Duration) error {
	d = orDefault(d, keepAliveIdle)
	err := setTCP(s, tcpKeepIdle, seconds(d), d >= 0)
	if err == windows.WSAENOPROTOOPT {
		return setKeepAliveValues(s, d, -1)
	}
	return call("setsockopt", err)
}

// keepAliveClosed returns the error of setKeepAliveIdle for a socket that was
// closed: package net names the call that it did not make.
func keepAliveClosed(err error) error { return os.NewSyscallError("setsockopt", err) }
