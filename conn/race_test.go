//go:build race

package conn_test

// raceDetector: the detector's shadow memory makes heap figures meaningless.
const raceDetector = true
