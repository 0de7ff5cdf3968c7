package netfd

import (
	"context"
	"errors"
	"net"
	"os"
)

// Some of package net's error values have no exported name. They are taken
// from calls that fail without touching the network, so that a program that
// compares errors or their texts sees the very same ones.
var (
	// ErrCanceled is the error of a dial whose context was canceled.
	ErrCanceled = inner(dialEnded(context.Canceled))
	// ErrTimeout is the error of a dial whose time was up.
	ErrTimeout = inner(dialEnded(context.DeadlineExceeded))
	// ErrMissingAddress is the error of a dial to no address.
	ErrMissingAddress = inner(dialNothing())
)

// ErrNoSuitableAddress is the text of an address list that has nothing of the
// wanted family.
const ErrNoSuitableAddress = "no suitable address found"

func inner(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func dialNothing() error {
	_, err := net.DialTCP("tcp", nil, nil)
	return err
}

// dialEnded dials with a context that has ended: package net checks that
// before it opens a socket.
func dialEnded(why error) error {
	done := make(chan struct{})
	close(done)
	_, err := new(net.Dialer).DialContext(endedContext{context.Background(), done, why}, "tcp", "127.0.0.1:1")
	return err
}

type endedContext struct {
	context.Context
	done chan struct{}
	err  error
}

func (c endedContext) Done() <-chan struct{} { return c.done }
func (c endedContext) Err() error            { return c.err }

// ContextError returns the error that package net gives for a context's.
func ContextError(err error) error {
	switch err {
	case context.Canceled:
		return ErrCanceled
	case context.DeadlineExceeded:
		return ErrTimeout
	}
	return err
}

// call names the system call in err, if err is an error number.
func call(name string, err error) error { return os.NewSyscallError(name, err) }
