package suite

import (
	"context"
	"errors"
	"time"

	"github.com/moor-net/moor/bench/load"
	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
)

// Run is what the cases of a run have in common.
type Run struct {
	Bench measure.Bench
	// ServerCPUs and ClientCPUs are what the two are pinned to in cases with
	// one core.
	ServerCPUs, ClientCPUs string
	// Noise is the share of one CPU that may go elsewhere in a quiet turn.
	Noise float64
	// Only names the servers to measure; all if empty.
	Only []string
}

// Figures are what one server came to in one turn, by name.
//
//	cpu_us       server CPU time per request in microseconds
//	rate         requests per second
//	p50_us …     latencies in microseconds
//	load         share of its CPUs that the server used
//	client_us    client CPU time per request in microseconds
//	switches     times a server's thread was put on a CPU, per request
//	calls        system calls per request
//	switches_s   the same of an idle server, per second
//	cpu_ms_s     CPU time of an idle server in milliseconds per second
//	mib_s        MiB per second, and
//	cpu_us_mib   server CPU time per MiB, of large transfers
//	bytes        heap and stacks of an idle connection,
//	rss          its resident memory, and
//	goroutines   its goroutines
//	ns           nanoseconds of a call
//	elsewhere    share of one CPU that went to neither server nor client
type Figures map[string]float64

// A runner measures one server once.
type runner func(ctx context.Context, r Run, c Case, s server.Server) (Figures, error)

// grace is what a turn may take beyond its warm-up and duration: connecting,
// and a server that stalls until the client gives up.
const grace = 90 * time.Second

func (r Run) serverSpec(c Case, s server.Server) measure.ServerSpec {
	spec := measure.ServerSpec{Server: s, Protocol: c.Protocol, Procs: c.Cores, Buf: c.Buf, Grace: c.Grace, Hogs: c.Hogs}
	if c.Cores == 1 {
		spec.CPUs = r.ServerCPUs
	}
	return spec
}

func (r Run) loadSpec(c Case) measure.LoadSpec {
	spec := measure.LoadSpec{
		Protocol: c.Protocol, Conns: c.Conns, Background: c.Background, Depth: c.Depth, Size: c.Size,
		Rate: c.Rate, Burst: c.Burst, Churn: c.Churn, Warmup: c.Warmup, Duration: c.Duration,
	}
	if c.Cores == 1 {
		spec.CPUs = r.ClientCPUs
	}
	return spec
}

// loaded starts a server, loads it and stops it.
func loaded(ctx context.Context, r Run, c Case, s server.Server) (result load.Result, err error) {
	started, err := r.Bench.StartServer(ctx, r.serverSpec(c, s))
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, started.Stop()) }()
	return r.Bench.Load(ctx, started, r.loadSpec(c))
}

// underLoad measures requests.
func underLoad(ctx context.Context, r Run, c Case, s server.Server) (Figures, error) {
	l, err := loaded(ctx, r, c, s)
	if err != nil {
		return nil, err
	}
	requests := float64(l.Requests)
	return Figures{
		"cpu_us":    micros(l.ServerCPU) / requests,
		"client_us": micros(l.ClientCPU) / requests,
		"rate":      requests / l.Wall.Seconds(),
		"load":      float64(l.ServerCPU) / float64(l.Wall) / float64(c.Cores),
		"switches":  float64(l.Switches) / requests,
		"p50_us":    micros(l.P50),
		"p90_us":    micros(l.P90),
		"p99_us":    micros(l.P99),
		"p999_us":   micros(l.P999),
		"max_us":    micros(l.Max),
		"elsewhere": float64(l.Elsewhere) / float64(l.Wall),
	}, nil
}

// transferring measures bytes.
func transferring(ctx context.Context, r Run, c Case, s server.Server) (Figures, error) {
	l, err := loaded(ctx, r, c, s)
	if err != nil {
		return nil, err
	}
	mib := float64(l.Bytes) / (1 << 20)
	return Figures{
		"mib_s":      mib / l.Wall.Seconds(),
		"cpu_us_mib": micros(l.ServerCPU) / mib,
		"elsewhere":  float64(l.Elsewhere) / float64(l.Wall),
	}, nil
}

// atRest measures a server that has nothing to do.
func atRest(ctx context.Context, r Run, c Case, s server.Server) (f Figures, err error) {
	started, err := r.Bench.StartServer(ctx, r.serverSpec(c, s))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, started.Stop()) }()
	spec := r.loadSpec(c)
	spec.Warmup = 0
	client, err := r.Bench.StartClient(ctx, started, spec, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.Stop()) }()
	rest, err := load.Watch(started.PID(), c.Duration)
	if err == nil {
		err = client.Requests(1)
	}
	if err != nil {
		return nil, err
	}
	return Figures{
		"switches_s": float64(rest.Switches) / rest.Wall.Seconds(),
		"cpu_ms_s":   rest.ServerCPU.Seconds() * 1000 / rest.Wall.Seconds(),
	}, nil
}

// setDeadline measures a call, in a process of its own.
func setDeadline(ctx context.Context, r Run, c Case, s server.Server) (Figures, error) {
	ns, err := r.Bench.SetDeadline(ctx, s, r.ServerCPUs, c.Duration)
	return Figures{"ns": ns}, err
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
