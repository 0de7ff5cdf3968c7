//go:build unix

package conn_test

import (
	"os"
	"testing"
)

// countDescriptors returns the number of descriptors that the process has open.
func countDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
