package load

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Config is one load.
type Config struct {
	// Addr is the echo server's address.
	Addr netip.AddrPort
	// ServerPID is the process whose CPU time is measured.
	ServerPID int
	// Conns is the number of connections; each has Depth messages of Size
	// bytes on their way at any time.
	Conns, Depth, Size int
	// Warmup comes before what is measured, with the same load.
	Warmup time.Duration
	// Duration is how long to measure, and at least until the first answer.
	Duration time.Duration
	// Requests, when not 0, replaces Duration: after the warm-up all
	// connections fall silent, Begin is called, and then exactly so many
	// requests are made in rounds: every connection sends Depth of them, all
	// are answered, and the server has time to come to rest.
	Requests int
	Begin    func() error
	// End, when set, is called with the result when everything has been
	// answered, before the connections close.
	End func(Result) error
}

// Result is what a load found.
type Result struct {
	Requests  int64         `json:"requests"`
	Wall      time.Duration `json:"wall_ns"`
	ServerCPU time.Duration `json:"server_cpu_ns"`
	ClientCPU time.Duration `json:"client_cpu_ns"`
	// Elsewhere is CPU time that the machine spent on neither of the two. It
	// comes from samples, so it can be off by several per cent, and negative.
	Elsewhere time.Duration `json:"elsewhere_cpu_ns"`
	// Latencies run from the moment a message may be sent, which is when the
	// one Depth before it came back, to its last byte's return.
	P50 time.Duration `json:"p50_ns"`
	P90 time.Duration `json:"p90_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

const (
	// stall is how long the server may go without any answer.
	stall = 10 * time.Second
	// rest is how long a server is given after a round to come to rest.
	rest = 2 * time.Millisecond
	// ioSize is the size of the read buffer and of a joined write.
	ioSize = 64 << 10
	// unlimited is a quota no run gets to the end of.
	unlimited = 1 << 62
)

// client drives all connections from one thread over one epoll set.
type client struct {
	cfg     Config
	epoll   int
	conns   []conn
	pattern pattern
	in, out []byte
	events  []unix.EpollEvent

	start    time.Time
	quota    int64 // requests that may still be granted
	pending  int64 // requests granted and not yet answered
	answered int64
	latency  histogram
}

// Run connects, loads the server, and returns what the measured part took. An
// answer that differs from what was sent, a connection that ends, and a server
// that stops answering are errors.
func Run(cfg Config) (result Result, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	c := &client{
		cfg:     cfg,
		pattern: newPattern(cfg.Size),
		conns:   make([]conn, 0, cfg.Conns),
		in:      make([]byte, ioSize),
		out:     make([]byte, ioSize),
		events:  make([]unix.EpollEvent, min(cfg.Conns, 1024)),
		start:   time.Now(),
	}
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return result, os.NewSyscallError("epoll_create1", err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for id := range cfg.Conns {
		if err := c.connect(id); err != nil {
			return result, err
		}
	}

	if err := c.fill(unlimited); err != nil {
		return result, err
	}
	if err := c.turn(func() bool { return c.now() >= cfg.Warmup }); err != nil {
		return result, err
	}
	if cfg.Requests > 0 {
		result, err = c.count()
	} else {
		result, err = c.window()
	}
	if err == nil && cfg.End != nil {
		err = cfg.End(result)
	}
	return result, err
}

// window measures for the configured time out of an unbroken load.
func (c *client) window() (Result, error) {
	begin, err := c.begin()
	if err != nil {
		return Result{}, err
	}
	end := c.now() + c.cfg.Duration
	// On a busy machine either side may not run for that long.
	if err := c.turn(func() bool { return c.now() >= end && c.answered > 0 }); err != nil {
		return Result{}, err
	}
	result, err := c.end(begin)
	if err != nil {
		return Result{}, err
	}
	return result, c.drain()
}

// count measures the configured number of requests in rounds. A server that is
// slowed down by a tracer would find the next request already there whenever it
// looks, which one at full speed does not; with a rest between rounds it makes
// the same calls in both cases.
func (c *client) count() (Result, error) {
	if err := c.drain(); err != nil {
		return Result{}, err
	}
	if err := c.cfg.Begin(); err != nil {
		return Result{}, err
	}
	begin, err := c.begin()
	if err != nil {
		return Result{}, err
	}
	round := int64(c.cfg.Conns * c.cfg.Depth)
	for left := int64(c.cfg.Requests); left > 0; left -= round {
		if err := c.fill(min(left, round)); err != nil {
			return Result{}, err
		}
		if err := c.turn(func() bool { return c.pending == 0 }); err != nil {
			return Result{}, err
		}
		time.Sleep(rest)
	}
	return c.end(begin)
}

func (c *client) begin() (sample, error) {
	c.latency = histogram{}
	c.answered = 0
	return takeSample(c.cfg.ServerPID)
}

func (c *client) end(begin sample) (Result, error) {
	end, err := takeSample(c.cfg.ServerPID)
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Requests:  c.answered,
		Wall:      end.at.Sub(begin.at),
		ServerCPU: end.server - begin.server,
		ClientCPU: end.client - begin.client,
		P50:       c.latency.quantile(.5),
		P90:       c.latency.quantile(.9),
		P99:       c.latency.quantile(.99),
		Max:       c.latency.max,
	}
	r.Elsewhere = end.machine - begin.machine - r.ServerCPU - r.ClientCPU
	return r, nil
}

// fill starts Depth requests on every connection, as far as quota goes.
func (c *client) fill(quota int64) error {
	c.quota = quota
	for i := range c.conns {
		for range c.cfg.Depth {
			c.grant(&c.conns[i], c.now())
		}
		if err := c.conns[i].send(c.pattern, c.out); err != nil {
			return err
		}
	}
	return nil
}

// drain makes no more requests and waits for the answers to those made.
func (c *client) drain() error {
	c.quota = 0
	return c.turn(func() bool { return c.pending == 0 })
}

func (c *client) grant(to *conn, now time.Duration) {
	if c.quota > 0 {
		c.quota--
		c.pending++
		to.grant(now)
	}
}

// turn serves events until done says so or the server stalls.
func (c *client) turn(done func() bool) error {
	progress := c.now()
	for !done() {
		n, errno := epollWait(c.epoll, c.events, 100*time.Millisecond)
		if errno != 0 && errno != unix.EINTR {
			return os.NewSyscallError("epoll_pwait", errno)
		}
		if n > 0 {
			progress = c.now()
		} else if silent := c.now() - progress; silent > stall {
			return fmt.Errorf("server stalled: %d requests unanswered for %v", c.pending, silent.Round(time.Second))
		}
		for _, event := range c.events[:n] {
			if err := c.serve(&c.conns[event.Fd]); err != nil {
				return err
			}
		}
	}
	return nil
}

// serve takes answers from one connection and replaces each with a request.
func (c *client) serve(conn *conn) error {
	now := c.now()
	err := conn.receive(c.pattern, c.in, now, func(latency time.Duration) {
		c.answered++
		c.pending--
		c.latency.add(latency)
		c.grant(conn, now)
	})
	if err != nil {
		return err
	}
	return conn.send(c.pattern, c.out)
}

// connect opens connection number id. Its events carry the number where
// epoll_event has the descriptor.
func (c *client) connect(id int) error {
	fd, err := dial(c.cfg.Addr, stall)
	if err != nil {
		return fmt.Errorf("connection %d to %v: %w", id, c.cfg.Addr, err)
	}
	c.conns = append(c.conns, conn{fd: fd, id: id, grantedAt: make([]time.Duration, c.cfg.Depth)})
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET&0xffffffff, Fd: int32(id)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &event))
}

func (c *client) close() error {
	err := os.NewSyscallError("close", unix.Close(c.epoll))
	for _, conn := range c.conns {
		err = errors.Join(err, os.NewSyscallError("close", unix.Close(conn.fd)))
	}
	return err
}

// now is a monotonic clock.
func (c *client) now() time.Duration { return time.Since(c.start) }

// epollWait is raw like read and write: while it waits, the process has
// nothing else to run.
func epollWait(fd int, events []unix.EpollEvent, timeout time.Duration) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(timeout.Milliseconds()), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
