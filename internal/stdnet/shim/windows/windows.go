//go:build windows

// Package windows stands in for internal/syscall/windows.
package windows

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Options of a TCP socket, from ws2ipdef.h.
const (
	TCP_KEEPIDLE  = 0x03
	TCP_KEEPCNT   = 0x10
	TCP_KEEPINTVL = 0x11
)

// SupportUnixSocket reports whether the system has Unix sockets.
var SupportUnixSocket = sync.OnceValue(func() bool {
	ln, err := net.Listen("unix", filepath.Join(os.TempDir(), fmt.Sprintf("stdnet%d", os.Getpid())))
	if err != nil {
		return false
	}
	ln.Close()
	return true
})

// The options that a system may lack.
var (
	SupportTCPKeepAliveIdle     = sync.OnceValue(func() bool { return hasOption(TCP_KEEPIDLE) })
	SupportTCPKeepAliveInterval = sync.OnceValue(func() bool { return hasOption(TCP_KEEPINTVL) })
	SupportTCPKeepAliveCount    = sync.OnceValue(func() bool { return hasOption(TCP_KEEPCNT) })
)

// hasOption reports whether a TCP socket takes the option.
func hasOption(option int) bool {
	var err error
	ln, listenErr := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if listenErr != nil {
		return false
	}
	defer ln.Close()
	raw, rawErr := ln.SyscallConn()
	if rawErr != nil {
		return false
	}
	controlErr := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(syscall.Handle(fd), syscall.IPPROTO_TCP, option, 1)
	})
	return controlErr == nil && err == nil
}
