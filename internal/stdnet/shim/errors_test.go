package shim

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// otherAddr is an address of a make that package net does not know.
type otherAddr struct{ net.TCPAddr }

func TestOpErrorIsValid(t *testing.T) {
	addr := &net.TCPAddr{Port: 1}
	for _, tc := range []struct {
		name  string
		err   net.OpError
		valid bool
	}{
		{"whole", net.OpError{Op: "read", Net: "tcp", Source: addr, Addr: addr, Err: io.EOF}, true},
		{"without addresses", net.OpError{Op: "listen", Net: "tcp", Err: io.EOF}, true},
		{"no operation", net.OpError{Net: "tcp", Err: io.EOF}, false},
		{"no network", net.OpError{Op: "read", Err: io.EOF}, false},
		{"no cause", net.OpError{Op: "read", Net: "tcp"}, false},
		{"a nil pointer as source", net.OpError{Op: "read", Net: "tcp", Source: (*net.TCPAddr)(nil), Err: io.EOF}, false},
		{"a nil pointer as address", net.OpError{Op: "read", Net: "unix", Addr: (*net.UnixAddr)(nil), Err: io.EOF}, false},
		{"an unknown address", net.OpError{Op: "read", Net: "tcp", Addr: &otherAddr{}, Err: io.EOF}, false},
	} {
		if err := OpErrorIsValid(&tc.err); (err == nil) != tc.valid {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestOpErrorIsValidTakesTheErrorOfAFile(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/plain")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = net.FileConn(f)
	var op *net.OpError
	if !errors.As(err, &op) {
		t.Fatalf("FileConn of a plain file: %v", err)
	}
	if err := OpErrorIsValid(op); err != nil {
		t.Error(err)
	}
}

func TestInnerErrorsAreThoseOfTheDialer(t *testing.T) {
	std := new(net.Dialer).DialContext
	if err := ErrCanceled(std); !errors.Is(err, context.Canceled) {
		t.Errorf("ErrCanceled is %v", err)
	}
	if err := ErrTimeout(std); !errors.Is(err, context.DeadlineExceeded) || !os.IsTimeout(err) {
		t.Errorf("ErrTimeout is %v", err)
	} else if _, ok := err.(TimeoutError); !ok {
		t.Errorf("ErrTimeout is a %T, no TimeoutError", err)
	}
	if err := ErrMissingAddress(std); err == nil || err.Error() != "missing address" {
		t.Errorf("ErrMissingAddress is %v", err)
	}
}

// lookalike has a timeout error's text and no more.
type lookalike struct{ timeout bool }

func (lookalike) Error() string     { return "i/o timeout" }
func (e lookalike) Timeout() bool   { return e.timeout }
func (lookalike) Temporary() bool   { return true }
func (lookalike) Is(err error) bool { return err == context.DeadlineExceeded }

func TestAnErrorThatUsersCanTellFromStdsIsNotTaken(t *testing.T) {
	dialWith := func(err error) DialFunc {
		return func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}
	}
	if err := ErrTimeout(dialWith(lookalike{timeout: true})); err != (lookalike{timeout: true}) {
		t.Errorf("an error like std's was replaced by a %T", err)
	}
	for _, other := range []error{lookalike{timeout: false}, errors.New("i/o timeout"), context.DeadlineExceeded} {
		if err := ErrTimeout(dialWith(other)); err == other {
			t.Errorf("%T %v was taken for std's", other, other)
		}
	}
}

func TestCheckFirstListener(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := CheckFirstListener("tcp4", ln); err != nil {
		t.Error(err)
	}
	if err := CheckFirstListener("tcp6", ln); err == nil {
		t.Error("an IPv4 socket passes for IPv6")
	}
	if err := CheckFirstListener("tcp", time.Now()); err == nil {
		t.Error("a time passes for a listener")
	}
}
