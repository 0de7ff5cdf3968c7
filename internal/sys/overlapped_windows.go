package sys

// Sending says to the race detector that the system reads p from now on. It is
// for overlapped operations, which the detector does not see.
func Sending(p []byte) { raceWrite(p) }

// Received says to the race detector that the system has written to p.
func Received(p []byte) { raceRead(p) }
