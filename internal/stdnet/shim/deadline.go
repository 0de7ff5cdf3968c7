package shim

import "time"

// NoDeadline takes a deadline away.
var NoDeadline = time.Time{}
