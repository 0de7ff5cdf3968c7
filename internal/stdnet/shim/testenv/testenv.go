// Package testenv stands in for internal/testenv.
package testenv

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"testing"
)

// Builder is the name of Go's own build machine, which this is not.
func Builder() string { return "" }

// HasExternalNetwork reports whether the machine has an address besides the
// loopback one. Tests ask before they listen on a wildcard address, which
// needs no packet to leave the machine.
func HasExternalNetwork() bool { return true }

// local are the tests that ask for an external network only to be sure that
// there are wildcard or multicast addresses; all they do stays on the machine.
var local = map[string]bool{
	"TestIPv4MulticastListener": true,
	"TestIPv6MulticastListener": true,
	"TestProhibitionaryDialArg": true,
	"TestTCPListenerName":       true,
	"TestUDPConnLocalName":      true,
	"TestWildWildcardListener":  true,
}

// MustHaveExternalNetwork skips a test that talks to hosts elsewhere.
func MustHaveExternalNetwork(t testing.TB) {
	t.Helper()
	if !local[t.Name()] {
		t.Skip("the run does not leave the machine")
	}
}

// SkipFlaky skips a test that Go's own project knows to be flaky.
func SkipFlaky(t testing.TB, issue int) {
	t.Helper()
	t.Skipf("known to be flaky: https://go.dev/issue/%d", issue)
}

// SkipFlakyNet would skip, on Go's build machines only, a test of the network.
func SkipFlakyNet(testing.TB) {}

// SkipIfOptimizationOff would skip if the compiler were told not to optimize.
func SkipIfOptimizationOff(testing.TB) {}

// SyscallIsNotSupported reports whether the system refused a call for good.
func SyscallIsNotSupported(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission)
}

// Executable returns the path of the running test.
func Executable(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// Command prepares a command that is killed when the test's time is up.
func Command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx := context.Background()
	if d, ok := t.(interface{ Context() context.Context }); ok {
		ctx = d.Context()
	}
	return exec.CommandContext(ctx, name, args...)
}
