package shim

import "syscall"

// From the kernel's include/uapi/linux/in.h and asm-generic/socket.h.
const (
	IPPROTO_MPTCP = 0x106
	soProtocol    = 0x26
)

// HasSOLMPTCP makes tests look at the protocol of a socket.
const HasSOLMPTCP = true

// IsUsingMPTCPProto reports whether a connection's socket is one of Multipath
// TCP.
func IsUsingMPTCPProto(c syscall.Conn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	proto := 0
	err = raw.Control(func(fd uintptr) {
		proto, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, soProtocol)
	})
	return err == nil && proto == IPPROTO_MPTCP
}
