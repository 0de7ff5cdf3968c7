package listener_test

import (
	"strings"

	"github.com/moor-net/moor/internal/sockerr"
)

// excepted reports whether what a step returned need not be as with package net,
// which on Windows has ways of its own:
//
//   - A socket option's error says what the call would have been also when the
//     connection was closed and there was none, if it is one of keep-alive.
//   - A read of nothing and RawConn's methods notice that the deadline has passed
//     in different order. Here they do as elsewhere.
func excepted(step string) bool {
	for _, name := range []string{"SetKeepAlivePeriod ", "SetKeepAliveConfig ", "Read of nothing ", "raw Read ", "raw Write "} {
		if strings.HasPrefix(step, name) {
			return true
		}
	}
	return false
}

// incomparable returns why a scenario can't be compared.
func incomparable(scenario string) string {
	if sockerr.Wine && strings.HasPrefix(scenario, "reset") {
		return "Wine makes an end of a reset for package net unless a read is in progress, and here none ever is"
	}
	return ""
}
