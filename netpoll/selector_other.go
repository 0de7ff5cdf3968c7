//go:build !unix && !windows

package netpoll

import (
	"errors"
	"fmt"
	"iter"
	"runtime"
)

// selector for systems that have none yet: New reports it, so that nothing
// else is ever called. A port replaces this file for its system: what each
// function must do is in selector.go, and the tests of this package tell
// whether it does. selector_poll.go is the plainest example.
type selector struct{}

const (
	needsRearm  = false
	edgeRepeats = 0
	fresh       = false
)

var errUnsupported = fmt.Errorf("netpoll: %s is not supported yet: %w", runtime.GOOS, errors.ErrUnsupported)

func newSelector() (*selector, error)                          { return nil, errUnsupported }
func (*selector) add(uintptr, uint64, Ready, PollOpt) error    { return errUnsupported }
func (*selector) modify(uintptr, uint64, Ready, PollOpt) error { return errUnsupported }
func (*selector) remove(uintptr, uint64) error                 { return errUnsupported }
func (*selector) forget(uintptr, uint64) error                 { return errUnsupported }
func (*selector) rearm(uintptr, uint64, Ready) error           { return errUnsupported }
func (*selector) renew(iter.Seq[watch])                        {}
func (*selector) wait(int, int64) (int, error)                 { return 0, errUnsupported }
func (*selector) event(int) (uint64, Ready)                    { return 0, 0 }
func (*selector) wake() error                                  { return errUnsupported }
func (*selector) close() error                                 { return nil }
