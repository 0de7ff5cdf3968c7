//go:build unix && !darwin

package netfd

import "golang.org/x/sys/unix"

// keepIdleOption sets the time before the first keep-alive probe.
const keepIdleOption = unix.TCP_KEEPIDLE
