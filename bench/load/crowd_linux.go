package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A crowd is a great many connections, of which each makes a request when it is
// opened, and only some make another. So nothing is kept of one but its
// descriptor, and nothing done for it but what can't be left out: there is no
// epoll set, and no call for an option. All calls are raw, connect too: on the
// loopback interface it waits for nobody, and a scheduler that is told of each
// call takes the processor away where a call is slow, as it is in an emulator.
type crowd struct {
	cfg      Config
	protocol protocol
	to       unix.RawSockaddrInet4
	fds      []int32
	heard    int // connections that were answered: the first ones
	in       []byte
}

// crowdWindow is how many connections wait for an answer at any time, at most.
// It is far below the length of a listen queue, of which each connection too
// many costs a second.
const crowdWindow = 256

// runCrowd opens all connections, and has Requests of them make another request
// at once, which is what it measures.
func runCrowd(cfg Config) (result Result, err error) {
	if cfg.Requests == 0 || cfg.Requests > cfg.Conns || cfg.Rate > 0 || cfg.Churn || cfg.Background > 0 || cfg.Depth > 1 {
		return result, errors.New("a crowd makes a fixed number of requests, at most one on each connection")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := &crowd{cfg: cfg, fds: make([]int32, 0, cfg.Conns), in: make([]byte, 4096)}
	if w.protocol, err = newProtocol(cfg.Protocol, cfg.Size); err != nil {
		return result, err
	}
	w.to = socketAddress(&unix.SockaddrInet4{Addr: cfg.Addr.Addr().As4(), Port: int(cfg.Addr.Port())})
	defer func() { err = errors.Join(err, w.close()) }()
	for begun, id := time.Now(), 0; id < cfg.Conns; id++ {
		if enough, err := w.enough(id, time.Since(begun)); enough || err != nil {
			if err != nil {
				return result, err
			}
			break
		}
		if err := w.open(id); err != nil {
			return result, fmt.Errorf("connection %d to %v: %w", id, cfg.Addr, err)
		}
		// Waiting for one in the middle leaves the server with work, and wakes
		// this thread once for many answers.
		if id+1-w.heard == crowdWindow {
			if err := w.await(w.heard + crowdWindow/2); err != nil {
				return result, err
			}
		}
	}
	if err := w.await(len(w.fds)); err != nil {
		return result, err
	}
	return w.sample()
}

// enough tells whether the crowd, of which there are n by then, is to grow no
// more although it should be larger.
func (w *crowd) enough(n int, after time.Duration) (bool, error) {
	if n < w.cfg.Requests {
		return false, nil
	}
	if w.cfg.Opening > 0 && after > w.cfg.Opening {
		return true, nil
	}
	if w.cfg.Reserve == 0 || n%crowdWindow != 0 {
		return false, nil
	}
	free, err := Memory("MemFree")
	return free < w.cfg.Reserve, err
}

// open makes a connection with a request on it.
func (w *crowd) open(id int) error {
	fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return os.NewSyscallError("socket", errno)
	}
	w.fds = append(w.fds, int32(fd))
	one := int32(1)
	if _, _, errno := unix.RawSyscall6(unix.SYS_SETSOCKOPT, fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT,
		uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one), 0); errno != 0 {
		return os.NewSyscallError("setsockopt", errno)
	}
	from := socketAddress(source(id))
	if _, _, errno := unix.RawSyscall(unix.SYS_BIND, fd, uintptr(unsafe.Pointer(&from)), unsafe.Sizeof(from)); errno != 0 {
		return os.NewSyscallError("bind", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&w.to)), unsafe.Sizeof(w.to)); errno != 0 {
		return os.NewSyscallError("connect", errno)
	}
	request := w.protocol.request(id, 0)
	switch n, errno := write(int(fd), request); {
	case errno != 0:
		return os.NewSyscallError("write", errno)
	case n < len(request):
		return io.ErrShortWrite
	}
	return nil
}

// socketAddress is an address as the kernel takes it, with the port in the
// order of the network.
func socketAddress(addr *unix.SockaddrInet4) unix.RawSockaddrInet4 {
	raw := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.Addr}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&raw.Port))[:], uint16(addr.Port))
	return raw
}

// await reads the answers of all connections below number end, that of the last
// one first: when it is there, the others mostly are.
func (w *crowd) await(end int) error {
	if end > w.heard {
		if err := w.hear(end - 1); err != nil {
			return err
		}
	}
	for ; w.heard < end-1; w.heard++ {
		if err := w.hear(w.heard); err != nil {
			return err
		}
	}
	w.heard = end
	return nil
}

// hear reads and checks the answer of one connection.
func (w *crowd) hear(id int) error {
	err := w.answer(int(w.fds[id]), id)
	if err != nil {
		err = fmt.Errorf("connection %d: %w", id, err)
	}
	return err
}

func (w *crowd) answer(fd, id int) error {
	for have, at := 0, 0; ; {
		n, errno := receiveNow(fd, w.in[have:])
		switch {
		case errno == unix.EAGAIN:
			if err := readable(fd, stall); err != nil {
				return err
			}
			continue
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return os.NewSyscallError("recvfrom", errno)
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		have += n
		taken, complete, err := w.protocol.answer(id, 0, at, w.in[:have])
		switch {
		case err != nil:
			return err
		case complete && taken < have:
			return fmt.Errorf("%d bytes came back that were never asked for", have-taken)
		case complete:
			return nil
		}
		at += taken
		have = copy(w.in, w.in[taken:have])
	}
}

// readable waits until there is something to read.
func readable(fd int, limit time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	switch n, err := unix.Poll(fds, int(limit.Milliseconds())); {
	case err == unix.EINTR:
		return nil
	case err != nil:
		return os.NewSyscallError("poll", err)
	case n == 0:
		return fmt.Errorf("server stalled: a request unanswered for %v", limit)
	}
	return nil
}

// receiveNow is read on a socket that may block, which it does not.
func receiveNow(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// sample makes connections evenly out of the crowd those of an ordinary client.
func (w *crowd) sample() (result Result, err error) {
	cfg, all := w.cfg, len(w.fds)
	cfg.Conns, cfg.Warmup = cfg.Requests, 0
	c, err := newClient(cfg)
	if err != nil {
		return result, err
	}
	c.opened = all
	// Its connections are closed with the crowd.
	defer func() { err = errors.Join(err, os.NewSyscallError("close", unix.Close(c.epoll))) }()
	for i := range cfg.Conns {
		fd := int(w.fds[i*all/cfg.Conns])
		if err := unix.SetNonblock(fd, true); err != nil {
			return result, os.NewSyscallError("fcntl", err)
		}
		c.conns = append(c.conns, conn{fd: fd, id: i, grantedAt: make([]time.Duration, cfg.Depth)})
		if err := c.add(&c.conns[i]); err != nil {
			return result, err
		}
	}
	if result, err = c.count(); err == nil && cfg.End != nil {
		err = cfg.End(result)
	}
	return result, err
}

func (w *crowd) close() (err error) {
	for _, fd := range w.fds {
		if failed := unix.Close(int(fd)); failed != nil {
			err = os.NewSyscallError("close", failed)
		}
	}
	return err
}
