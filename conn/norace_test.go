//go:build !race && linux

package conn_test

const raceDetector = false
