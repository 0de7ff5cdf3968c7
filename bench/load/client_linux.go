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

	"github.com/moor-net/moor/bench/server"
)

// Config is one load.
type Config struct {
	// Addr is the server's address.
	Addr netip.AddrPort
	// ServerPID is the process whose CPU time is measured.
	ServerPID int
	// Protocol is what to say; Size is the length of an echo's messages.
	Protocol server.Protocol
	Size     int
	// Conns is the number of connections that make requests; each has Depth of
	// them on their way at any time. Background connections make Depth requests
	// at the beginning, as all do, and none later.
	Conns, Background, Depth int
	// Rate, when not 0, is how many requests become due in a second, on all
	// connections together, whatever the server does. A connection makes those
	// that are due one after the other, and the latency counts from when they
	// were due: a server that stalls is charged for all who would have come
	// meanwhile. Burst is how many are due at once on one connection.
	Rate, Burst int
	// Churn makes every request, and nothing else, on a connection of its own.
	Churn bool
	// Crowd is for more connections than an ordinary client can have: from
	// several loopback addresses, as there are only so many ports, and with as
	// little work for each as can be. They make one request each when they are
	// opened, and Requests is how many make another, all at once.
	Crowd bool
	// Opening, when not 0, is when a crowd stops growing. Reserve is how many
	// bytes of memory the machine has free at least: with less the crowd stops
	// growing too.
	Opening time.Duration
	Reserve int64
	// Warmup comes before what is measured, with the same load.
	Warmup time.Duration
	// Duration is how long to measure, and at least until the first answer.
	Duration time.Duration
	// Requests, when not 0, replaces Duration: after the warm-up all
	// connections, as many as Begin is called with, fall silent, and then exactly so many
	// requests are made in rounds: every connection sends Depth of them, all
	// are answered, and the server has time to come to rest.
	Requests int
	Begin    func(conns int) error
	// End, when set, is called with the result when everything has been
	// answered, before the connections close.
	End func(Result) error
}

// Result is what a load found.
type Result struct {
	Requests  int64         `json:"requests"`
	Bytes     int64         `json:"bytes,omitempty"` // of large transfers
	Wall      time.Duration `json:"wall_ns"`
	ServerCPU time.Duration `json:"server_cpu_ns"`
	ClientCPU time.Duration `json:"client_cpu_ns"`
	// Elsewhere is CPU time that the machine spent on neither of the two. It
	// comes from samples, so it can be off by several per cent, and negative.
	Elsewhere time.Duration `json:"elsewhere_cpu_ns"`
	// Switches is how often a thread of the server was put on a CPU.
	Switches int64 `json:"server_switches"`
	// Latencies run from the moment a message may be sent, which is when the
	// one Depth before it came back, or when it is due, to its last byte's
	// return.
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}

const (
	// stall is how long the server may go without any answer.
	stall = 30 * time.Second
	// rest is how long a server is given after a round to come to rest.
	rest = 2 * time.Millisecond
	// together is how many connections are opened before anything is said.
	together = 1000
	// ioSize is the size of the read buffer and of a joined write.
	ioSize = 64 << 10
	// unlimited is a quota no run gets to the end of.
	unlimited = 1 << 62
)

// client drives all connections from one thread over one epoll set.
type client struct {
	cfg      Config
	epoll    int
	conns    []conn
	protocol protocol
	in, out  []byte
	events   []unix.EpollEvent
	dialled  int // connections so far, to choose their addresses
	opened   int // what Begin is told

	start    time.Time
	rate     *schedule // nil without Rate
	quota    int64     // requests that may still be granted
	pending  int64     // requests granted and not yet answered
	answered int64
	latency  histogram
}

// Run connects, loads the server, and returns what the measured part took. An
// answer that differs from what was expected, a connection that ends, and a
// server that stops answering are errors.
func Run(cfg Config) (result Result, err error) {
	switch cfg.Protocol {
	case server.Plain, server.SendFile, server.Splice:
		return runTransfer(cfg)
	case server.HTTPS:
		return runBlocking(cfg)
	}
	if cfg.Crowd {
		return runCrowd(cfg)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	c, err := newClient(cfg)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for all := cfg.Conns + cfg.Background; len(c.conns) < all; {
		if err := c.meet(min(together, all-len(c.conns))); err != nil {
			return result, err
		}
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

// newClient returns a client without connections.
func newClient(cfg Config) (*client, error) {
	all := cfg.Conns + cfg.Background
	c := &client{
		cfg:    cfg,
		conns:  make([]conn, 0, all),
		in:     make([]byte, ioSize),
		out:    make([]byte, ioSize),
		events: make([]unix.EpollEvent, min(all, 1024)),
		start:  time.Now(),
		opened: all,
	}
	var err error
	if c.protocol, err = newProtocol(cfg.Protocol, cfg.Size); err != nil {
		return nil, err
	}
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return c, nil
}

// meet makes n connections more and Depth requests on each, so that the server
// gets to know all of them. Servers close connections on which nothing comes.
func (c *client) meet(n int) error {
	first := len(c.conns)
	for id := first; id < first+n; id++ {
		if err := c.connect(id); err != nil {
			return err
		}
	}
	if c.cfg.Churn {
		return nil
	}
	if err := c.fill(c.conns[first:], unlimited); err != nil {
		return err
	}
	return c.drain()
}

// load begins the configured load and keeps it up for the warm-up.
func (c *client) load() error {
	c.quota = unlimited
	if c.cfg.Rate > 0 {
		c.rate = newSchedule(c.cfg, c.now(), c.conns[:c.cfg.Conns])
	} else if err := c.fill(c.conns[:c.cfg.Conns], unlimited); err != nil {
		return err
	}
	end := c.now() + c.cfg.Warmup
	return c.turn(func() bool { return c.now() >= end })
}

// window measures for the configured time out of an unbroken load.
func (c *client) window() (Result, error) {
	if err := c.load(); err != nil {
		return Result{}, err
	}
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
	if c.cfg.Warmup > 0 {
		if err := errors.Join(c.load(), c.drain()); err != nil {
			return Result{}, err
		}
	}
	if err := c.cfg.Begin(c.opened); err != nil {
		return Result{}, err
	}
	begin, err := c.begin()
	if err != nil {
		return Result{}, err
	}
	round := int64(c.cfg.Conns * c.cfg.Depth)
	for left := int64(c.cfg.Requests); left > 0; left -= round {
		if err := c.fill(c.conns[:c.cfg.Conns], min(left, round)); err != nil {
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
	r := begin.until(end, c.answered)
	r.setLatencies(&c.latency)
	return r, nil
}

func (r *Result) setLatencies(h *histogram) {
	r.P50, r.P90, r.P99, r.P999, r.Max = h.quantile(.5), h.quantile(.9), h.quantile(.99), h.quantile(.999), h.max
}

// fill starts Depth requests on each of conns, as far as quota goes.
func (c *client) fill(conns []conn, quota int64) error {
	c.quota = quota
	for i := range conns {
		for range c.cfg.Depth {
			c.grant(&conns[i], c.now())
		}
		if err := conns[i].send(c.protocol, c.out); err != nil {
			return err
		}
	}
	return nil
}

// drain makes no more requests and waits for the answers to those made.
func (c *client) drain() error {
	c.quota = 0
	c.rate = nil
	return c.turn(func() bool { return c.pending == 0 })
}

func (c *client) grant(to *conn, now time.Duration) {
	if c.quota > 0 {
		c.quota--
		c.pending++
		to.grant(now)
	}
}

// turn serves events, and requests that become due, until done says so or the
// server stalls.
func (c *client) turn(done func() bool) error {
	progress := c.now()
	for !done() {
		timeout := 100 * time.Millisecond
		if c.rate != nil {
			if err := c.release(); err != nil {
				return err
			}
			timeout = min(timeout, max(c.rate.due()-c.now(), 0))
		}
		n, errno := epollWait(c.epoll, c.events, timeout)
		if errno != 0 && errno != unix.EINTR {
			return os.NewSyscallError("epoll_pwait2", errno)
		}
		if n > 0 || c.pending == 0 {
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
	err := conn.receive(c.protocol, c.in, func(seq uint64) {
		c.answered++
		c.pending--
		if c.cfg.Protocol != server.Sleepy || !server.Sleeps(c.protocol.request(conn.id, seq)[0]) {
			c.latency.add(now - c.since(conn, seq))
		}
		switch {
		case c.cfg.Churn:
		case c.rate == nil:
			if conn.id < c.cfg.Conns {
				c.grant(conn, now)
			}
		case conn.waiting > 0:
			conn.waiting--
			c.grant(conn, now)
		}
	})
	if err == nil && c.cfg.Churn && conn.idle() && c.quota > 0 {
		// A request counts from before its connection is made.
		c.grant(conn, now)
		err = c.reconnect(conn)
	}
	if err != nil {
		return err
	}
	return conn.send(c.protocol, c.out)
}

// since is when the latency of a message begins.
func (c *client) since(conn *conn, seq uint64) time.Duration {
	if c.rate != nil {
		return c.rate.dueAt(conn, seq)
	}
	return conn.grantedAt[seq%uint64(len(conn.grantedAt))]
}

// release sends what has become due.
func (c *client) release() error {
	now := c.now()
	for c.rate.due() <= now {
		conn := &c.conns[c.rate.next()]
		conn.waiting += c.rate.burst
		if !conn.idle() {
			continue
		}
		conn.waiting--
		c.grant(conn, now)
		if err := conn.send(c.protocol, c.out); err != nil {
			return err
		}
	}
	return nil
}

// connect opens connection number id.
func (c *client) connect(id int) error {
	c.conns = append(c.conns, conn{fd: -1, id: id, grantedAt: make([]time.Duration, c.cfg.Depth)})
	return c.open(&c.conns[id])
}

// reconnect puts a new socket in the place of the old one, which leaves the
// epoll set when it is closed.
func (c *client) reconnect(conn *conn) error {
	if err := unix.Close(conn.fd); err != nil {
		return os.NewSyscallError("close", err)
	}
	return c.open(conn)
}

func (c *client) open(conn *conn) (err error) {
	var from *unix.SockaddrInet4
	if c.cfg.Churn {
		from = source(c.dialled)
	}
	c.dialled++
	if conn.fd, err = dial(c.cfg.Addr, from, stall); err != nil {
		return fmt.Errorf("connection %d to %v: %w", conn.id, c.cfg.Addr, err)
	}
	return c.add(conn)
}

// add puts a connection into the epoll set. Its events carry its number where
// epoll_event has the descriptor.
func (c *client) add(conn *conn) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET&0xffffffff, Fd: int32(conn.id)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, conn.fd, &event))
}

func (c *client) close() error {
	err := os.NewSyscallError("close", unix.Close(c.epoll))
	for _, conn := range c.conns {
		if conn.fd < 0 {
			continue
		}
		err = errors.Join(err, os.NewSyscallError("close", unix.Close(conn.fd)))
	}
	return err
}

// now is a monotonic clock.
func (c *client) now() time.Duration { return time.Since(c.start) }

// epollWait is raw like read and write: while it waits, the process has
// nothing else to run. epoll_pwait2(2), of Linux 5.11, takes nanoseconds.
func epollWait(fd int, events []unix.EpollEvent, timeout time.Duration) (int, unix.Errno) {
	limit := unix.NsecToTimespec(timeout.Nanoseconds())
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(unsafe.Pointer(&limit)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
