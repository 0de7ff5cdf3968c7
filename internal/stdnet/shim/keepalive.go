package shim

import "time"

// The keep-alive parameters that package net documents as its defaults.
const (
	DefaultTCPKeepAliveIdle     = 15 * time.Second
	DefaultTCPKeepAliveInterval = 15 * time.Second
	DefaultTCPKeepAliveCount    = 9
)
