package netfd

import (
	"context"
	"errors"
	"net"
	"testing"
)

// The values are package net's own: the same texts, and the same answers to
// the questions that programs ask of errors.
func TestErrorsArePackageNets(t *testing.T) {
	for _, c := range []struct {
		err     error
		text    string
		is      error
		timeout bool
	}{
		{ErrCanceled, "operation was canceled", context.Canceled, false},
		{ErrTimeout, "i/o timeout", context.DeadlineExceeded, true},
		{ErrMissingAddress, "missing address", nil, false},
	} {
		if c.err.Error() != c.text {
			t.Errorf("text %q, want %q", c.err, c.text)
		}
		if c.is != nil && !errors.Is(c.err, c.is) {
			t.Errorf("%q does not match %q", c.err, c.is)
		}
		var ne net.Error
		if got := errors.As(c.err, &ne) && ne.Timeout(); got != c.timeout {
			t.Errorf("%q: Timeout() = %v, want %v", c.err, got, c.timeout)
		}
	}
	if ContextError(context.Canceled) != ErrCanceled || ContextError(context.DeadlineExceeded) != ErrTimeout {
		t.Error("a context's error is not mapped")
	}
	if own := errors.New("own"); ContextError(own) != own {
		t.Error("a custom context's error is changed")
	}
}
