package sys

import (
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Batch is many messages as one system call takes them, up to MaxBatch.
type Batch struct {
	hdrs  []mmsghdr
	iovs  []unix.Iovec
	addrs []RawAddr
}

// MaxBatch is the most messages in one call: UIO_MAXIOV of the kernel.
const MaxBatch = 1024

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

var batches = sync.Pool{New: func() any { return new(Batch) }}

// NewBatch returns room for n messages of bufs buffers together. It is given
// back with Free.
func NewBatch(n, bufs int) *Batch {
	b := batches.Get().(*Batch)
	if cap(b.hdrs) < n {
		b.hdrs, b.addrs = make([]mmsghdr, n), make([]RawAddr, n)
	}
	if cap(b.iovs) < bufs {
		b.iovs = make([]unix.Iovec, bufs)
	}
	b.hdrs, b.addrs, b.iovs = b.hdrs[:0], b.addrs[:0], b.iovs[:0]
	return b
}

// Free gives the Batch back. It refers to nothing of the caller's any more.
func (b *Batch) Free() {
	clear(b.hdrs)
	clear(b.iovs)
	clear(b.addrs)
	batches.Put(b)
}

// Add adds a message of bufs and control messages in oob, and returns its
// address for the caller to fill in; one that stays empty is none. The Batch
// has room for it.
func (b *Batch) Add(bufs [][]byte, oob []byte) *RawAddr {
	var h unix.Msghdr
	first := len(b.iovs)
	for _, p := range bufs {
		if len(p) > 0 {
			v := unix.Iovec{Base: &p[0]}
			v.SetLen(len(p))
			b.iovs = append(b.iovs, v)
		}
	}
	if n := len(b.iovs) - first; n > 0 {
		h.Iov = &b.iovs[first]
		h.SetIovlen(n)
	}
	if len(oob) > 0 {
		h.Control = &oob[0]
		h.SetControllen(len(oob))
	}
	b.hdrs = append(b.hdrs, mmsghdr{hdr: h})
	b.addrs = append(b.addrs, RawAddr{})
	return &b.addrs[len(b.addrs)-1]
}

// Len returns the number of messages.
func (b *Batch) Len() int { return len(b.hdrs) }

// Result returns what became of message i: the lengths of data and control
// messages, and the flags.
func (b *Batch) Result(i int) (n, nn, flags int) {
	h := &b.hdrs[i]
	return int(h.len), int(h.hdr.Controllen), int(h.hdr.Flags)
}

// Addr returns the address of message i.
func (b *Batch) Addr(i int) *RawAddr { return &b.addrs[i] }

// RecvBatch receives as many messages as there are, up to b's: see recvmmsg(2).
func RecvBatch(fd int, b *Batch, flags int) (int, syscall.Errno) {
	for i := range b.hdrs {
		b.hdrs[i].hdr.Name = (*byte)(unsafe.Pointer(&b.addrs[i].any))
		b.hdrs[i].hdr.Namelen = unix.SizeofSockaddrAny
	}
	return callBatch(unix.SYS_RECVMMSG, fd, b.hdrs, flags)
}

// SendBatch sends messages from b's i-th on, as many as there is space for: see
// sendmmsg(2).
func SendBatch(fd int, b *Batch, i, flags int) (int, syscall.Errno) {
	for j := i; j < len(b.hdrs); j++ {
		if a := &b.addrs[j]; a.size != 0 {
			b.hdrs[j].hdr.Name, b.hdrs[j].hdr.Namelen = (*byte)(unsafe.Pointer(&a.any)), a.size
		}
	}
	return callBatch(unix.SYS_SENDMMSG, fd, b.hdrs[i:], flags)
}

// aFew is how many messages take so little time that the scheduler need not
// know: on their way out each goes through the network stack.
const aFew = 16

func callBatch(trap uintptr, fd int, hdrs []mmsghdr, flags int) (int, syscall.Errno) {
	for {
		var n uintptr
		var errno syscall.Errno
		if len(hdrs) <= aFew {
			n, _, errno = syscall.RawSyscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&hdrs[0])), uintptr(len(hdrs)), uintptr(flags|dontWait), 0, 0)
		} else {
			n, _, errno = syscall.Syscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&hdrs[0])), uintptr(len(hdrs)), uintptr(flags|dontWait), 0, 0)
		}
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}
