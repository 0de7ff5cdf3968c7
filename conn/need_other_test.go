//go:build !windows

package conn_test

import "testing"

// What tests need that Windows, or Wine, has not.

func needComparableNet(testing.TB) {}
func needSharedPorts(testing.TB)   {}
