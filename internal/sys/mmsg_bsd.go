//go:build unix && !linux

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// A Batch is many messages, of which these systems take one at a time.
type Batch struct{ msgs []message }

// MaxBatch is the most messages in one call.
const MaxBatch = 1024

type message struct {
	bufs         [][]byte
	oob          []byte
	addr         RawAddr
	n, nn, flags int
}

// NewBatch returns room for n messages of bufs buffers together. It is given
// back with Free.
func NewBatch(n, bufs int) *Batch { return &Batch{make([]message, 0, n)} }

// Free gives the Batch back.
func (b *Batch) Free() {}

// Add adds a message of bufs and control messages in oob, and returns its
// address for the caller to fill in; one that stays empty is none. The Batch
// has room for it.
func (b *Batch) Add(bufs [][]byte, oob []byte) *RawAddr {
	b.msgs = append(b.msgs, message{bufs: bufs, oob: oob})
	return &b.msgs[len(b.msgs)-1].addr
}

// Len returns the number of messages.
func (b *Batch) Len() int { return len(b.msgs) }

// Result returns what became of message i: the lengths of data and control
// messages, and the flags.
func (b *Batch) Result(i int) (n, nn, flags int) {
	return b.msgs[i].n, b.msgs[i].nn, b.msgs[i].flags
}

// Addr returns the address of message i.
func (b *Batch) Addr(i int) *RawAddr { return &b.msgs[i].addr }

// RecvBatch receives one message: see recvmsg(2).
func RecvBatch(fd int, b *Batch, flags int) (int, syscall.Errno) {
	m := &b.msgs[0]
	for {
		n, nn, rflags, from, err := unix.RecvmsgBuffers(fd, m.bufs, m.oob, flags|unix.MSG_DONTWAIT)
		if err == nil {
			m.n, m.nn, m.flags, m.addr.sa = n, nn, rflags, fromUnix(from)
			return 1, 0
		}
		if err != unix.EINTR {
			return 0, Errno(err)
		}
	}
}

// SendBatch sends b's i-th message: see sendmsg(2).
func SendBatch(fd int, b *Batch, i, flags int) (int, syscall.Errno) {
	m := &b.msgs[i]
	for {
		n, err := unix.SendmsgBuffers(fd, m.bufs, m.oob, toUnix(m.addr.sa), flags|unix.MSG_DONTWAIT)
		if err == nil {
			m.n, m.nn = n, len(m.oob)
			return 1, 0
		}
		if err != unix.EINTR {
			return 0, Errno(err)
		}
	}
}

// fromUnix and toUnix go between the two packages' internet addresses.

func fromUnix(sa unix.Sockaddr) syscall.Sockaddr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &syscall.SockaddrInet4{Port: sa.Port, Addr: sa.Addr}
	case *unix.SockaddrInet6:
		return &syscall.SockaddrInet6{Port: sa.Port, ZoneId: sa.ZoneId, Addr: sa.Addr}
	}
	return nil
}

func toUnix(sa syscall.Sockaddr) unix.Sockaddr {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return &unix.SockaddrInet4{Port: sa.Port, Addr: sa.Addr}
	case *syscall.SockaddrInet6:
		return &unix.SockaddrInet6{Port: sa.Port, ZoneId: sa.ZoneId, Addr: sa.Addr}
	}
	return nil
}
