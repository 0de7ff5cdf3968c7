//go:build !race

package registration_test

const slow = 1
