package conn

import (
	"context"
	"net"
	"time"

	"github.com/moor-net/moor/internal/netfd"
)

// byFamily splits addrs into those of the first one's family and the others.
func byFamily(addrs []net.Addr) (first, second []net.Addr) {
	if len(addrs) == 1 {
		return addrs, nil
	}
	for _, a := range addrs {
		if netfd.IsIPv4(a) == netfd.IsIPv4(addrs[0]) {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	return first, second
}

// fallbackDelay is how long the first family is tried alone.
func (d *Dialer) fallbackDelay() time.Duration {
	if d.FallbackDelay > 0 {
		return d.FallbackDelay
	}
	return 300 * time.Millisecond
}

// race tries the first family, and beside it the second one once the fallback
// delay is over or the first has failed. The first connection wins and the
// loser is called off (RFC 8305). If both fail the first family's error counts.
func (d *Dialer) race(ctx context.Context, n netfd.Network, first, second []net.Addr) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		net.Conn
		err   error
		first bool
	}
	results := make(chan result, 2)
	running := 0
	start := func(addrs []net.Addr) {
		running++
		isFirst := &addrs[0] == &first[0]
		go func() {
			c, err := d.try(ctx, n, addrs)
			results <- result{c, err, isFirst}
		}()
	}
	start(first)
	delay := time.NewTimer(d.fallbackDelay())
	defer delay.Stop()
	both := false
	var firstErr error
	for running > 0 {
		select {
		case <-delay.C:
			if !both {
				both = true
				start(second)
			}
		case r := <-results:
			running--
			if r.err == nil {
				if running > 0 {
					go func() {
						if loser := <-results; loser.err == nil {
							loser.Close()
						}
					}()
				}
				return r.Conn, nil
			}
			if r.first {
				firstErr = r.err
			}
			if !both {
				both = true
				start(second)
			}
		}
	}
	return nil, firstErr
}

// try dials one address after the other. Each gets its share of the time that
// is left, but not less than two seconds if there are as many. The first
// error counts.
func (d *Dialer) try(ctx context.Context, n netfd.Network, addrs []net.Addr) (net.Conn, error) {
	var firstErr error
	for i, a := range addrs {
		fail := func(err error) error {
			return &net.OpError{Op: "dial", Net: n.String(), Source: d.LocalAddr, Addr: a, Err: err}
		}
		if err := ctx.Err(); err != nil {
			return nil, fail(netfd.ContextError(err))
		}
		share, cancel, err := part(ctx, len(addrs)-i)
		if err != nil {
			if firstErr == nil {
				firstErr = fail(err)
			}
			break
		}
		c, err := d.connect(share, n, a)
		cancel()
		if err == nil {
			return c, nil
		}
		if firstErr == nil {
			firstErr = fail(err)
		}
	}
	if firstErr == nil {
		firstErr = &net.OpError{Op: "dial", Net: n.String(), Err: netfd.ErrMissingAddress}
	}
	return nil, firstErr
}

// part bounds ctx by the share of its time that one of left addresses gets.
func part(ctx context.Context, left int) (context.Context, context.CancelFunc, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}, nil
	}
	remaining := time.Until(deadline)
	if remaining <= 0 {
		return nil, nil, netfd.ErrTimeout
	}
	share := min(remaining, max(remaining/time.Duration(left), 2*time.Second))
	if share == remaining {
		return ctx, func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, share)
	return ctx, cancel, nil
}
