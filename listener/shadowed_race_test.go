//go:build race

package listener_test

// shadowed: the race detector makes heap figures meaningless.
const shadowed = true
