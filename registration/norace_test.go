//go:build !race && !windows

package registration_test

const slow, crossings = 1, 1
