package sys

import "syscall"

// Errno returns the error number in an error of package syscall or x/sys,
// zero for nil. Anything else is EINVAL: those packages return such errors
// only for arguments that never reached the kernel.
func Errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errno, ok := err.(syscall.Errno); ok {
		return errno
	}
	return syscall.EINVAL
}
