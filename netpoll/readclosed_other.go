//go:build unix && !linux && !freebsd

package netpoll

// pollReadClosed is zero: the system can't say that the peer sends no more.
const pollReadClosed = 0
