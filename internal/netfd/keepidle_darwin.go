package netfd

import "golang.org/x/sys/unix"

// keepIdleOption is the name that the system has for TCP_KEEPIDLE.
const keepIdleOption = unix.TCP_KEEPALIVE
