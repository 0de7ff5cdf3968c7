package listener_test

import (
	"strings"

	"github.com/moor-net/moor/internal/sockerr"
)

// excepted reports whether what a step returned need not be as with package net,
// which on Windows has ways of its own:
//
//   - A read of nothing and RawConn's methods notice that the deadline has passed
//     in different order. Here they do as elsewhere.
//   - Under Wine, which lacks the option of SetKeepAlivePeriod, the error of a closed
//     connection names the call that would have been made instead.
func excepted(step string) bool {
	for _, name := range []string{"Read of nothing ", "raw Read ", "raw Write "} {
		if strings.HasPrefix(step, name) {
			return true
		}
	}
	return sockerr.Wine && strings.HasPrefix(step, "SetKeepAlivePeriod ")
}

// incomparable returns why a scenario can't be compared.
func incomparable(scenario string) string {
	if sockerr.Wine && strings.HasPrefix(scenario, "reset") {
		return "Wine makes an end of a reset for package net unless a read is in progress, and here none ever is"
	}
	return ""
}
