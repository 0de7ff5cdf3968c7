//go:build !windows

package runtime

// handleSet is empty: only Windows has handles that are no FDs.
type handleSet struct{}

func (handleSet) shut(func(Kind) bool) {}
