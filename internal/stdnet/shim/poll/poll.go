// Package poll stands in for internal/poll.
package poll

import "errors"

// DeadlineExceededError is what the type of os.ErrDeadlineExceeded can do.
type DeadlineExceededError interface {
	error
	Timeout() bool
	Temporary() bool
}

// ErrNotPollable is never returned; tests accept it where a file that cannot
// be waited for might be in play.
var ErrNotPollable = errors.New("not pollable")
