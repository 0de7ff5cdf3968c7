//go:build race

package integration_test

// raceDetector: the detector's shadow memory makes heap figures meaningless.
const raceDetector = true
