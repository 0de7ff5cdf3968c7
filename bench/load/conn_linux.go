package load

import (
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
	// rest is the beginning of an answer that comes in parts, of protocols
	// that take whole ones.
	rest []byte

	// At a fixed rate, first is the first message of the schedule, and waiting
	// how many are due that have not been granted.
	first   uint64
	waiting int

	// grantedAt holds when message seq was granted at index seq % depth.
	grantedAt []time.Duration
}

// portsEach is how many connections a source address gets, of those that a
// client makes up: fewer than there are ephemeral ports.
const portsEach = 20000

// source returns the loopback address for a client's connection number id.
func source(id int) *unix.SockaddrInet4 {
	n := id / portsEach
	return &unix.SockaddrInet4{Addr: [4]byte{127, 1, byte(n >> 8), byte(n)}}
}

// dial opens one non-blocking connection from an address, if that is not nil.
// On the loopback interface the handshake is over when connect(2) returns,
// unless the listen queue is full; timeout bounds the wait for that.
func dial(addr netip.AddrPort, from *unix.SockaddrInet4, timeout time.Duration) (fd int, err error) {
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
		bind(fd, from),
		connect(fd, to),
		os.NewSyscallError("fcntl", unix.SetNonblock(fd, true)))
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// bind leaves the choice of a port to connect, which knows the other side: ports
// need to be different for each pair of addresses only.
func bind(fd int, from *unix.SockaddrInet4) error {
	if from == nil {
		return nil
	}
	return errors.Join(
		os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)),
		os.NewSyscallError("bind", unix.Bind(fd, from)))
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

// idle tells that nothing is on its way.
func (c *conn) idle() bool { return c.receiving == c.granted }

// send hands granted messages to the socket until all are there or the socket
// is full; then an edge reports room. scratch is for joining several messages
// to one write.
func (c *conn) send(p protocol, scratch []byte) error {
	for c.sending < c.granted {
		out := p.request(c.id, c.sending)[c.sendAt:]
		if c.granted-c.sending > 1 && len(out) < len(scratch) {
			n := copy(scratch, out)
			for seq := c.sending + 1; seq < c.granted && n < len(scratch); seq++ {
				n += copy(scratch[n:], p.request(c.id, seq))
			}
			out = scratch[:n]
		}
		n, errno := write(c.fd, out)
		switch errno {
		case 0:
			c.sent(p, n)
		case unix.EAGAIN:
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("connection %d: %w", c.id, os.NewSyscallError("write", errno))
		}
	}
	return nil
}

// sent moves on by n bytes.
func (c *conn) sent(p protocol, n int) {
	for n > 0 {
		left := len(p.request(c.id, c.sending)) - c.sendAt
		if n < left {
			c.sendAt += n
			return
		}
		n -= left
		c.sending++
		c.sendAt = 0
	}
}

// receive reads what is there and checks it. It calls returned for every
// message that has come back completely, with its number.
func (c *conn) receive(p protocol, buf []byte, returned func(seq uint64)) error {
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
		if err := c.check(p, buf[:n], returned); err != nil {
			return fmt.Errorf("connection %d: %w", c.id, err)
		}
		if n < len(buf) {
			// Drained: whatever comes later comes with an edge of its own.
			return nil
		}
	}
}

// check goes through received bytes, after those that were left of before.
func (c *conn) check(p protocol, in []byte, returned func(seq uint64)) error {
	if len(c.rest) > 0 {
		in = append(c.rest, in...)
		c.rest = nil
	}
	for len(in) > 0 {
		if c.receiving == c.granted {
			return fmt.Errorf("%d bytes came back that were never asked for, after message %d", len(in), c.receiving)
		}
		n, complete, err := p.answer(c.id, c.receiving, c.recvAt, in)
		if err != nil {
			return err
		}
		if complete {
			seq := c.receiving
			c.receiving++
			c.recvAt = 0
			in = in[n:]
			returned(seq)
			continue
		}
		if n == 0 {
			c.rest = append(c.rest, in...)
			return nil
		}
		c.recvAt += n
		in = in[n:]
	}
	return nil
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
