//go:build race

// Package race stands in for internal/race.
package race

// Enabled reports whether the race detector is on.
const Enabled = true
