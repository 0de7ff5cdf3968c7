//go:build !unix

package runtime

// involuntarySwitches returns a constant: nobody knows.
func involuntarySwitches() int64 { return 0 }
