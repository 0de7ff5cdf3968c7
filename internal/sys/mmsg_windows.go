package sys

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// A Batch is many messages, of which Windows takes one at a time.
type Batch struct{ msgs []message }

// MaxBatch is the most messages in one call.
const MaxBatch = 1024

type message struct {
	bufs         []windows.WSABuf
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
	m := message{oob: oob}
	for _, p := range bufs {
		m.bufs = append(m.bufs, wsaBuf(p))
	}
	if m.bufs == nil {
		m.bufs = []windows.WSABuf{{}}
	}
	b.msgs = append(b.msgs, m)
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

// RecvBatch receives one message: see WSARecvMsg.
func RecvBatch(fd int, b *Batch, flags int) (int, syscall.Errno) {
	m := &b.msgs[0]
	n, nn, rflags, errno := recvMsg(fd, &m.bufs[0], len(m.bufs), m.oob, flags, &m.addr)
	if errno != 0 {
		return 0, errno
	}
	m.n, m.nn, m.flags = n, nn, rflags
	return 1, 0
}

// SendBatch sends b's i-th message: see WSASendMsg.
func SendBatch(fd int, b *Batch, i, flags int) (int, syscall.Errno) {
	m := &b.msgs[i]
	var to *RawAddr
	if m.addr.size != 0 {
		to = &m.addr
	}
	n, errno := sendMsg(fd, &m.bufs[0], len(m.bufs), m.oob, flags, to)
	if errno != 0 {
		return 0, errno
	}
	m.n, m.nn = n, len(m.oob)
	return 1, 0
}
