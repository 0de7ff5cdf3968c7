//go:build !windows

package conn_test

import "testing"

// What tests need that Windows, or Wine, has not.

func needReadsOfNothing(testing.TB) {}
func needSharedPorts(testing.TB)    {}

// missedReset is for Wine.
func missedReset(string, error) bool { return false }
