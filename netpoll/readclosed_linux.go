package netpoll

import "golang.org/x/sys/unix"

// pollReadClosed asks for, and says, that the peer sends no more.
const pollReadClosed = unix.POLLRDHUP
