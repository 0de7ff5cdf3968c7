//go:build !windows

package listener_test

// excepted reports whether what a step returned need not be as with package net.
func excepted(string) bool { return false }

// incomparable returns why a scenario can't be compared.
func incomparable(string) string { return "" }
