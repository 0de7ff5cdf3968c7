//go:build race && !windows

package registration_test

// slow divides the rounds of tests that the race detector makes too slow;
// MOOR_LONG undoes it.
const slow = 10

const crossings = 1 // see slow_windows_test.go
