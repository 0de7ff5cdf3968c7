//go:build unix

package goroutine

import "syscall"

// systemCall is in a system call for some seconds.
func systemCall() { syscall.Select(0, nil, nil, nil, &syscall.Timeval{Sec: 10}) }
