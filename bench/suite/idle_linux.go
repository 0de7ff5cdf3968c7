package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
)

// idleCases are connections that have made one request each. A process may have
// 20,000 descriptors on many systems, so more connections take more processes.
// The grace period is short because Go never frees the descriptor of a goroutine
// (440 bytes): with the default, all connections of this burst would have one
// at the same time, which those that come one by one have not.
func idleCases(plan Plan) []Case {
	var cases []Case
	for _, kind := range []struct {
		protocol server.Protocol
		conns    int
	}{
		{server.Echo, 15000},
		{server.HTTP, 15000},
		{server.WebSocket, choose(plan, 5000, 15000)},
		{server.HTTPS, choose(plan, 1000, 3000)},
	} {
		conns := kind.conns
		if plan.Idle > 0 {
			conns = plan.Idle
		}
		cases = append(cases, Case{
			Name: IdleName(kind.protocol), Protocol: kind.protocol, Conns: conns, Size: 64,
			Processes: max(plan.Processes, 1), Rounds: choose(plan, 1, 3), Grace: 20 * time.Millisecond,
			run: idle, Figures: []string{"bytes", "rss", "goroutines"},
		})
	}
	return cases
}

// IdleKinds are the protocols of idle cases.
func IdleKinds() []server.Protocol {
	return []server.Protocol{server.Echo, server.HTTP, server.WebSocket, server.HTTPS}
}

// IdleName is the name of the case with idle connections of that protocol.
func IdleName(p server.Protocol) string {
	return fmt.Sprintf("idle connections: %s", map[server.Protocol]string{
		server.Echo: "TCP", server.HTTP: "HTTP keep-alive", server.WebSocket: "WebSocket", server.HTTPS: "HTTPS keep-alive",
	}[p])
}

// idle measures what connections take that have made a request, and checks that
// each of them answers another one afterwards.
func idle(ctx context.Context, r Run, c Case, s server.Server) (f Figures, err error) {
	var pairs []idlePair
	defer func() {
		for _, p := range pairs {
			err = errors.Join(err, p.stop())
		}
	}()
	var before measure.Memory
	for range c.Processes {
		p, memory, err := startIdle(ctx, r, c, s)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
		before = sum(before, memory)
	}
	after, err := settled(ctx, pairs)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		if err := p.client.Requests(c.Conns); err != nil {
			return nil, fmt.Errorf("after having been idle: %w", err)
		}
	}
	total := float64(c.Conns * c.Processes)
	each := func(after, before uint64) float64 { return (float64(after) - float64(before)) / total }
	f = Figures{
		"conns": total,
		"rss":   each(after.RSS, before.RSS),
	}
	if s.Command == nil {
		f["bytes"] = each(after.Heap+after.Stack, before.Heap+before.Stack)
		f["heap"], f["stack"] = each(after.Heap, before.Heap), each(after.Stack, before.Stack)
		f["goroutines"] = each(uint64(after.Goroutines), uint64(before.Goroutines))
		f["gc_pause_us"], f["gc_mark_ms"] = float64(after.PauseMax)/1e3, float64(after.Mark)/1e6
	}
	return f, nil
}

type idlePair struct {
	server *measure.Server
	client *measure.Client
}

func (p idlePair) stop() error {
	// The client's connections end first, as they would.
	return errors.Join(p.client.Stop(), p.server.Stop())
}

func startIdle(ctx context.Context, r Run, c Case, s server.Server) (idlePair, measure.Memory, error) {
	started, err := r.Bench.StartServer(ctx, r.serverSpec(c, s))
	if err != nil {
		return idlePair{}, measure.Memory{}, err
	}
	before, err := started.Memory()
	if err == nil {
		spec := r.loadSpec(c)
		spec.Warmup = 0
		var client *measure.Client
		if client, err = r.Bench.StartClient(ctx, started, spec, c.Conns); err == nil {
			return idlePair{started, client}, before, nil
		}
	}
	return idlePair{}, before, errors.Join(err, started.Stop())
}

// settled waits until the servers' memory changes no more: connections are
// parked after a while, pools are emptied by the collector.
func settled(ctx context.Context, pairs []idlePair) (measure.Memory, error) {
	const pause, rounds = 300 * time.Millisecond, 40
	var last measure.Memory
	for range rounds {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-time.After(pause):
		}
		var now measure.Memory
		for _, p := range pairs {
			m, err := p.server.Memory()
			if err != nil {
				return last, err
			}
			now = sum(now, m)
		}
		if last.RSS > 0 && near(now.Heap, last.Heap) && near(now.RSS, last.RSS) && now.Goroutines == last.Goroutines {
			return now, nil
		}
		last = now
	}
	return last, nil
}

// near tells whether two figures differ by less than a hundredth.
func near(a, b uint64) bool { return max(a, b)-min(a, b) <= max(a, b)/100 }

func sum(a, b measure.Memory) measure.Memory {
	a.Heap += b.Heap
	a.Stack += b.Stack
	a.RSS += b.RSS
	a.Goroutines += b.Goroutines
	a.PauseMax = max(a.PauseMax, b.PauseMax)
	a.Mark += b.Mark
	return a
}
