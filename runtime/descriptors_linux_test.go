package runtime

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// Wherever descriptors run out New says so, and gives back those that it has got.
func TestNewWithoutDescriptors(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	lowest, err := unix.Dup(0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(lowest)
	before := openFDs(t)
	const most = 100
	for n := range most {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(lowest + n), Max: was.Max}); err != nil {
			t.Fatal(err)
		}
		rt, err := New(Config{Loops: 2})
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			if n == 0 {
				t.Error("New needs no descriptors")
			}
			rt.Shutdown(context.Background())
			break
		}
		if !errors.Is(err, unix.EMFILE) {
			t.Errorf("with %d: %v, want EMFILE", n, err)
		}
		if after := openFDs(t); after != before {
			t.Fatalf("with %d: %d descriptors open, %d before", n, after, before)
		}
		if n == most-1 {
			t.Errorf("not even %d are enough", most)
		}
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors open after Shutdown, %d before", after, before)
	}
}
