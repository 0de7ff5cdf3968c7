// Package measure runs servers and load clients as processes, in pairs, and
// sums up what they report.
package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/moor-net/moor/bench/load"
)

// Setup is what all runs of a comparison have in common.
type Setup struct {
	// Exe is the bench command, which runs as server and as client.
	Exe string `json:"-"`
	// Procs is GOMAXPROCS of the server.
	Procs int `json:"procs"`
	// ServerCPUs and ClientCPUs are what the two are pinned to, such as "0";
	// empty for no pinning.
	ServerCPUs string `json:"server_cpus"`
	ClientCPUs string `json:"client_cpus"`
	// Buf is the server's read buffer per connection, Size a message, both in
	// bytes; Depth is the number of messages a connection has on their way.
	Buf   int `json:"buf"`
	Size  int `json:"size"`
	Depth int `json:"depth"`
	// Warmup and Duration are the two parts of a run.
	Warmup   time.Duration `json:"warmup_ns"`
	Duration time.Duration `json:"duration_ns"`
	// Noise is the share of one CPU that may go elsewhere in a quiet pair.
	Noise float64 `json:"noise"`
}

// grace is what a run may take beyond its warm-up and duration: connecting,
// tracing, and a server that stalls until the client gives up.
const grace = 60 * time.Second

// Row measures servers a and b in turn, pairs times, and tells progress what
// each pair came to.
func (s Setup) Row(a, b string, conns, pairs int, progress func(n int, p Pair)) (Row, error) {
	var done []Pair
	for n := range pairs {
		var results [2]load.Result
		for i, impl := range [2]string{a, b} {
			var err error
			if results[i], err = s.run(impl, conns); err != nil {
				return Row{}, fmt.Errorf("%s, %d connections: %w", impl, conns, err)
			}
		}
		done = append(done, newPair(results[0], results[1], s.Noise))
		progress(n+1, done[n])
	}
	return newRow(conns, done, s.Procs), nil
}

// run measures one server once.
func (s Setup) run(impl string, conns int) (result load.Result, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.Warmup+s.Duration+grace)
	defer cancel()
	server, addr, err := s.startServer(ctx, impl)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	client, err := s.startClient(ctx, server, addr, conns, "-duration", s.Duration.String())
	if err != nil {
		return result, err
	}
	text, err := client.line()
	if err != nil {
		return result, err
	}
	return result, errors.Join(json.Unmarshal([]byte(text), &result), client.stop())
}

// startServer returns a running server and its address.
func (s Setup) startServer(ctx context.Context, impl string) (*process, string, error) {
	server, err := start(ctx, s.Exe, "server",
		"-impl", impl,
		"-procs", strconv.Itoa(s.Procs),
		"-buf", strconv.Itoa(s.Buf),
		"-cpus", s.ServerCPUs)
	if err != nil {
		return nil, "", err
	}
	addr, err := server.line()
	return server, addr, err
}

func (s Setup) startClient(ctx context.Context, server *process, addr string, conns int, span ...string) (*process, error) {
	return start(ctx, s.Exe, append([]string{"client",
		"-addr", addr,
		"-pid", strconv.Itoa(server.cmd.Process.Pid),
		"-conns", strconv.Itoa(conns),
		"-depth", strconv.Itoa(s.Depth),
		"-size", strconv.Itoa(s.Size),
		"-warmup", s.Warmup.String(),
		"-cpus", s.ClientCPUs}, span...)...)
}
