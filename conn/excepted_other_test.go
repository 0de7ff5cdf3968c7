//go:build !windows

package conn_test

// excepted reports whether ours may be the answer where package net's is theirs.
func excepted(situation, theirs, ours string) bool { return false }
