package shim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"time"
)

// DialFunc is the DialContext method under test.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// TimeoutError is what package net's own timeout error can do and no other of
// its errors: it is a timeout, and it matches other errors.
type TimeoutError interface {
	net.Error
	Is(error) bool
}

// ErrTimeout is the error inside the one of a dial that ran out of time.
func ErrTimeout(dial DialFunc) error {
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	return inner(ctx, dial, "127.0.0.1:9")
}

// ErrCanceled is the error inside the one of a dial that was cancelled.
func ErrCanceled(dial DialFunc) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return inner(ctx, dial, "127.0.0.1:9")
}

// ErrMissingAddress is the error inside the one of a dial without an address.
func ErrMissingAddress(dial DialFunc) error {
	return inner(context.Background(), dial, "")
}

// ErrNoSuitableAddress has the text of package net's error. Package net hands
// out the text only, never the value.
var ErrNoSuitableAddress = errors.New("no suitable address found")

// inner returns the error that dial wraps. Package net compares such errors by
// identity, and so do its tests; a user cannot, for the values have no exported
// name. The one of the implementation under test is taken for the right one if
// nothing that a user sees tells it from std's; otherwise std's is, and the
// tests that compare fail.
func inner(ctx context.Context, dial DialFunc, address string) error {
	want := cause(new(net.Dialer).DialContext(ctx, "tcp", address))
	got := cause(dial(ctx, "tcp", address))
	if sameToUsers(got, want) {
		return got
	}
	return want
}

// cause returns what a net.OpError wraps.
func cause(c net.Conn, err error) error {
	if err == nil {
		c.Close()
	}
	var op *net.OpError
	if !errors.As(err, &op) {
		return err
	}
	return op.Err
}

// sameToUsers reports whether two errors look the same through their methods.
func sameToUsers(a, b error) bool {
	if a == nil || b == nil || a.Error() != b.Error() {
		return a == nil && b == nil
	}
	for _, target := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(a, target) != errors.Is(b, target) {
			return false
		}
	}
	type transient interface {
		Timeout() bool
		Temporary() bool
	}
	ta, oka := a.(transient)
	tb, okb := b.(transient)
	return oka == okb && (!oka || ta.Timeout() == tb.Timeout() && ta.Temporary() == tb.Temporary())
}

// OpErrorIsValid checks what every error of package net must hold: an
// operation, a network, an error inside, and addresses that are absent or
// whole, never a nil pointer in an interface nor a type of some other make.
func OpErrorIsValid(e *net.OpError) error {
	switch {
	case e.Op == "":
		return fmt.Errorf("no operation: %v", e)
	case e.Net == "":
		return fmt.Errorf("no network: %v", e)
	case e.Err == nil:
		return fmt.Errorf("no error inside: %v", e)
	}
	for _, addr := range []net.Addr{e.Source, e.Addr} {
		if addr == nil {
			continue
		}
		switch v := reflect.ValueOf(addr); {
		case v.Kind() == reflect.Pointer && v.IsNil():
			return fmt.Errorf("nil %T as address: %v", addr, e)
		case v.Kind() == reflect.String && v.String() == "":
			return fmt.Errorf("empty %T as address: %v", addr, e)
		}
		switch addr.(type) {
		case *net.TCPAddr, *net.UDPAddr, *net.UnixAddr, *net.IPAddr, *net.IPNet:
		default:
			// The path of a file is the only address whose type has no name
			// outside package net.
			if e.Op != "file" || addr.Network() != "file+net" {
				return fmt.Errorf("%T as address: %v", addr, e)
			}
		}
	}
	return nil
}
