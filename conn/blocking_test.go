//go:build linux || windows

package conn_test

import (
	"errors"
	"os"
	"testing"
	"time"
)

// wantTimeout makes a call that would block end by a deadline so far from now.
// Afterwards there is none.
func wantTimeout(t testing.TB, within time.Duration, name string, setDeadline func(time.Time) error, call func() error) {
	t.Helper()
	setDeadline(time.Now().Add(within))
	ended := make(chan error, 1)
	go func() { ended <- call() }()
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	case <-time.After(time.Minute):
		t.Fatalf("%s: still blocked long after its deadline", name)
	}
	setDeadline(time.Time{})
}
