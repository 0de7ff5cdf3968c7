package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// conn is one connection to the server. What it sends follows from sequence
// numbers alone, so it has no output buffer: bytes that the socket did not
// take are taken from the pattern again when there is room.
type conn struct {
	fd int
	id int

	// Messages are numbered from 0. Those under granted are to be sent.
	// sending is the first that is not yet in the socket completely, with
	// sendAt bytes of it; receiving is the first that has not come back
	// completely, with recvAt bytes of it.
	granted   uint64
	sending   uint64
	sendAt    int
	receiving uint64
	recvAt    int

	// grantedAt holds when message seq was granted at index seq % depth.
	grantedAt []time.Duration
}

// dial opens one non-blocking connection. On the loopback interface the
// handshake is over when connect(2) returns, unless the listen queue is full;
// timeout bounds the wait for that.
func dial(addr netip.AddrPort, timeout time.Duration) (fd int, err error) {
	family, to := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()})
	if ip := addr.Addr().Unmap(); ip.Is4() {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	limit := unix.NsecToTimeval(timeout.Nanoseconds())
	err = errors.Join(
		os.NewSyscallError("setsockopt", unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit)),
		os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)),
		connect(fd, to),
		os.NewSyscallError("fcntl", unix.SetNonblock(fd, true)))
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func connect(fd int, to unix.Sockaddr) error {
	err := unix.Connect(fd, to)
	for err == unix.EINTR {
		err = unix.Connect(fd, to) // goes on waiting for the same handshake
	}
	switch err {
	case unix.EISCONN: // the handshake ended between two attempts
		return nil
	case unix.EINPROGRESS: // how SO_SNDTIMEO shows (socket(7))
		err = unix.ETIMEDOUT
	}
	return os.NewSyscallError("connect", err)
}

// grant lets the connection send one message more.
func (c *conn) grant(now time.Duration) {
	c.grantedAt[c.granted%uint64(len(c.grantedAt))] = now
	c.granted++
}

// send hands granted messages to the socket until all are there or the socket
// is full; then an edge reports room. scratch is for joining several messages
// to one write.
func (c *conn) send(p pattern, scratch []byte) error {
	for c.sending < c.granted {
		out := p.message(c.id, c.sending)[c.sendAt:]
		if c.granted-c.sending > 1 && len(out) < len(scratch) {
			n := copy(scratch, out)
			for seq := c.sending + 1; seq < c.granted && n < len(scratch); seq++ {
				n += copy(scratch[n:], p.message(c.id, seq))
			}
			out = scratch[:n]
		}
		n, errno := write(c.fd, out)
		switch errno {
		case 0:
			c.sendAt += n
			c.sending += uint64(c.sendAt / p.size)
			c.sendAt %= p.size
		case unix.EAGAIN:
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("connection %d: %w", c.id, os.NewSyscallError("write", errno))
		}
	}
	return nil
}

// receive reads what is there and checks it. It calls returned for every
// message that has come back completely, with the time since its grant.
func (c *conn) receive(p pattern, buf []byte, now time.Duration, returned func(latency time.Duration)) error {
	for {
		n, errno := read(c.fd, buf)
		switch {
		case errno == unix.EAGAIN:
			return nil
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return fmt.Errorf("connection %d: %w", c.id, os.NewSyscallError("read", errno))
		case n == 0:
			return fmt.Errorf("connection %d: closed by the server in message %d: %w", c.id, c.receiving, io.ErrUnexpectedEOF)
		}
		if err := c.check(p, buf[:n], now, returned); err != nil {
			return err
		}
		if n < len(buf) {
			// Drained: whatever comes later comes with an edge of its own.
			return nil
		}
	}
}

// check compares received bytes with those that were sent.
func (c *conn) check(p pattern, in []byte, now time.Duration, returned func(latency time.Duration)) error {
	for len(in) > 0 {
		if c.receiving == c.granted {
			return fmt.Errorf("connection %d: %d bytes came back that were never sent, after message %d", c.id, len(in), c.receiving)
		}
		want := p.message(c.id, c.receiving)[c.recvAt:]
		n := min(len(in), len(want))
		if !bytes.Equal(in[:n], want[:n]) {
			return c.corruption(in[:n], want)
		}
		in = in[n:]
		c.recvAt += n
		if c.recvAt == p.size {
			returned(now - c.grantedAt[c.receiving%uint64(len(c.grantedAt))])
			c.receiving++
			c.recvAt = 0
		}
	}
	return nil
}

// corruption names the first byte that differs.
func (c *conn) corruption(in, want []byte) error {
	at := 0
	for in[at] == want[at] {
		at++
	}
	return fmt.Errorf("connection %d: corrupt echo: byte %d of message %d is %#02x, sent was %#02x",
		c.id, c.recvAt+at, c.receiving, in[at], want[at])
}

// The client's calls are raw: its descriptors never block, and telling Go's
// scheduler about each call would cost more than the calls' own entry.

func read(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

func write(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}
