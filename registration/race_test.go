//go:build race

package registration_test

// slow divides the rounds of tests that the race detector makes too slow;
// MOOR_LONG undoes it.
const slow = 10
