//go:build !race

package listener_test

const shadowed = false
