//go:build race

package listener_test

// raceDetector: the detector's shadow memory makes heap figures meaningless.
const raceDetector = true
