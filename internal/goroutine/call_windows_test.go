package goroutine

import "golang.org/x/sys/windows"

// systemCall is in a system call for some seconds.
func systemCall() { windows.SleepEx(10_000, false) }
