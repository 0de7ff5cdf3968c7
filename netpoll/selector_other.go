//go:build !linux

package netpoll

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
)

// selector for systems that have none yet: New reports it, so that nothing
// else is ever called.
type selector struct{}

const edgeRepeats = 0

func newSelector() (*selector, error) {
	return nil, fmt.Errorf("netpoll: %s is not supported yet: %w", runtime.GOOS, errors.ErrUnsupported)
}

func (*selector) add(uintptr, uint64, Ready, PollOpt) error    { return errors.ErrUnsupported }
func (*selector) modify(uintptr, uint64, Ready, PollOpt) error { return errors.ErrUnsupported }
func (*selector) remove(uintptr, uint64) error                 { return errors.ErrUnsupported }
func (*selector) forget(uintptr, uint64) error                 { return errors.ErrUnsupported }
func (*selector) renew(iter.Seq[watch])                        {}
func (*selector) wait(int, int64) (int, error)                 { return 0, errors.ErrUnsupported }
func (*selector) event(int) (uint64, Ready)                    { return 0, 0 }
func (*selector) wake() error                                  { return errors.ErrUnsupported }
func (*selector) close() error                                 { return nil }
