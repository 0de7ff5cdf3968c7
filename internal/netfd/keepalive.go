package netfd

import (
	"net"
	"time"
)

// KeepAlive is what package net's two ways of configuring TCP keep-alive come
// down to. Zero durations and counts stand for the defaults, negative ones
// leave the system's.
type KeepAlive = net.KeepAliveConfig

// What zero stands for.
const (
	keepAliveIdle     = 15 * time.Second
	keepAliveInterval = 15 * time.Second
	keepAliveCount    = 9
)

// ResolveKeepAlive returns the configuration that a Dialer's or ListenConfig's
// two fields mean together.
func ResolveKeepAlive(period time.Duration, config net.KeepAliveConfig) KeepAlive {
	if !config.Enable && period >= 0 {
		return KeepAlive{Enable: true, Idle: period}
	}
	return config
}

// seconds rounds up to the kernel's unit.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
