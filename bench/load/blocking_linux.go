package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// runBlocking is the load over TLS: crypto/tls with a goroutine for each
// connection. It takes far more CPU than the other client, which is of no
// account where the server has a CPU of its own.
func runBlocking(cfg Config) (result Result, err error) {
	if cfg.Rate > 0 || cfg.Churn || cfg.Crowd || cfg.Background > 0 || cfg.Depth > 1 {
		return result, errors.New("over TLS there is only one request after the other on connections that stay")
	}
	b := &blocking{cfg: cfg, conns: make([]*blockingConn, cfg.Conns)}
	defer func() {
		for _, c := range b.conns {
			if c != nil {
				c.Close()
			}
		}
	}()
	for id := range b.conns {
		if b.conns[id], err = b.dial(id); err != nil {
			return result, fmt.Errorf("connection %d to %v: %w", id, cfg.Addr, err)
		}
	}
	if err := b.round(cfg.Conns); err != nil {
		return result, err
	}
	if cfg.Requests > 0 {
		result, err = b.count()
	} else {
		result, err = b.window()
	}
	if err == nil && cfg.End != nil {
		err = cfg.End(result)
	}
	return result, err
}

type blocking struct {
	cfg       Config
	conns     []*blockingConn
	measuring atomic.Bool
	answered  atomic.Int64 // while measuring
}

type blockingConn struct {
	net.Conn
	id       int
	protocol protocol
	seq      uint64
	in       []byte // while an answer is awaited
}

// dial makes a connection. The server's certificate is one that it has made for
// itself, and this is no more than a measurement on one machine.
func (b *blocking) dial(id int) (*blockingConn, error) {
	p, err := newProtocol(b.cfg.Protocol, b.cfg.Size)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: stall}
	c, err := tls.DialWithDialer(&dialer, "tcp", b.cfg.Addr.String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil, err
	}
	return &blockingConn{Conn: c, id: id, protocol: p}, nil
}

// exchange makes one request and checks its answer.
func (c *blockingConn) exchange() error {
	if err := c.SetDeadline(time.Now().Add(stall)); err != nil {
		return err
	}
	if _, err := c.Write(c.protocol.request(c.id, c.seq)); err != nil {
		return err
	}
	if c.in == nil {
		c.in = make([]byte, 1024)
	}
	for have := 0; ; {
		n, err := c.Read(c.in[have:])
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("connection %d: %w", c.id, err)
		}
		have += n
		taken, complete, err := c.protocol.answer(c.id, c.seq, 0, c.in[:have])
		switch {
		case err != nil:
			return fmt.Errorf("connection %d: %w", c.id, err)
		case complete && taken < have:
			return fmt.Errorf("connection %d: %d bytes too many", c.id, have-taken)
		case complete:
			c.seq++
			return nil
		case have == len(c.in):
			return fmt.Errorf("connection %d: an answer of more than %d bytes", c.id, have)
		}
	}
}

// round makes a request on each of the first n connections, all at once.
func (b *blocking) round(n int) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i, c := range b.conns[:n] {
		all.Go(func() {
			errs[i] = c.exchange()
			c.in = nil
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (b *blocking) count() (Result, error) {
	if err := b.cfg.Begin(len(b.conns)); err != nil {
		return Result{}, err
	}
	begin, err := takeSample(b.cfg.ServerPID)
	if err != nil {
		return Result{}, err
	}
	for left := b.cfg.Requests; left > 0; left -= b.cfg.Conns {
		if err := b.round(min(left, b.cfg.Conns)); err != nil {
			return Result{}, err
		}
		time.Sleep(rest)
	}
	end, err := takeSample(b.cfg.ServerPID)
	return begin.until(end, int64(b.cfg.Requests)), err
}

func (b *blocking) window() (result Result, err error) {
	stop := make(chan struct{})
	failed := make(chan error, len(b.conns))
	latencies := make([]histogram, len(b.conns))
	var all sync.WaitGroup
	for i, c := range b.conns {
		all.Go(func() {
			if err := b.repeat(c, &latencies[i], stop); err != nil {
				failed <- err
			}
		})
	}
	defer func() {
		close(stop)
		all.Wait()
		for i := range latencies[1:] {
			latencies[0].merge(&latencies[1+i])
		}
		result.setLatencies(&latencies[0])
	}()
	if err := sleep(b.cfg.Warmup, failed); err != nil {
		return result, err
	}
	begin, err := takeSample(b.cfg.ServerPID)
	if err != nil {
		return result, err
	}
	b.measuring.Store(true)
	// On a busy machine either side may not run for that long.
	for err = sleep(b.cfg.Duration, failed); err == nil && b.answered.Load() == 0; {
		err = sleep(time.Millisecond, failed)
	}
	b.measuring.Store(false)
	if err != nil {
		return result, err
	}
	end, err := takeSample(b.cfg.ServerPID)
	return begin.until(end, b.answered.Load()), err
}

// repeat makes one request after the other until it is to stop.
func (b *blocking) repeat(c *blockingConn, latency *histogram, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		begin := time.Now()
		if err := c.exchange(); err != nil {
			return err
		}
		if b.measuring.Load() {
			b.answered.Add(1)
			latency.add(time.Since(begin))
		}
	}
}

// sleep ends early with what failed.
func sleep(d time.Duration, failed <-chan error) error {
	select {
	case <-time.After(d):
		return nil
	case err := <-failed:
		return err
	}
}
