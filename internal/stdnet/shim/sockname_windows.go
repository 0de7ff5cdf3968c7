package shim

import "syscall"

func sockname(fd uintptr) (syscall.Sockaddr, error) { return syscall.Getsockname(syscall.Handle(fd)) }
