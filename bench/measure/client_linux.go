package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/moor-net/moor/bench/load"
	"github.com/moor-net/moor/bench/server"
)

// LoadSpec is what a client does: see load.Config.
type LoadSpec struct {
	Protocol   server.Protocol
	Conns      int
	Background int
	Depth      int
	Size       int
	Rate       int
	Burst      int
	Churn      bool
	Crowd      bool
	Opening    time.Duration
	Reserve    int64
	Warmup     time.Duration
	Duration   time.Duration
	// CPUs is what the client is pinned to.
	CPUs string
}

// A Client is one that counts requests, and waits to be told to begin.
type Client struct {
	*process
	conns int
}

// StartClient connects a client to a server, and returns when each of its
// connections has made a request and rests. It makes requests more when told to.
func (b Bench) StartClient(ctx context.Context, s *Server, spec LoadSpec, requests int) (*Client, error) {
	p, err := b.client(ctx, s, spec, "-requests", strconv.Itoa(requests))
	if err != nil {
		return nil, err
	}
	text, err := p.line()
	if err != nil {
		return nil, err
	}
	count, ok := strings.CutPrefix(text, load.Ready)
	conns, err := strconv.Atoi(count)
	if !ok || err != nil {
		return nil, errors.Join(fmt.Errorf("client said %q", text), p.stop())
	}
	return &Client{p, conns}, nil
}

// Conns is how many connections the client has, which is less than was asked for
// if the time for opening them was over before, or the machine's memory.
func (c *Client) Conns() int { return c.conns }

// Requests makes the client's requests, all of them.
func (c *Client) Requests(n int) error {
	_, err := c.Measure(n)
	return err
}

// Measure is Requests with what was measured.
func (c *Client) Measure(n int) (load.Result, error) {
	if _, err := fmt.Fprintln(c.stdin, "go"); err != nil {
		return load.Result{}, err
	}
	result, err := c.result()
	if err == nil && result.Requests != int64(n) {
		err = fmt.Errorf("%d requests were answered, not %d", result.Requests, n)
	}
	return result, err
}

// Resident is the client's own memory in bytes.
func (c *Client) Resident() (uint64, error) { return resident(c.cmd.Process.Pid) }

// Stop closes the client's connections.
func (c *Client) Stop() error { return c.stop() }

// Load loads a server for the time that spec says.
func (b Bench) Load(ctx context.Context, s *Server, spec LoadSpec) (load.Result, error) {
	p, err := b.client(ctx, s, spec, "-duration", spec.Duration.String())
	if err != nil {
		return load.Result{}, err
	}
	result, err := p.result()
	return result, errors.Join(err, p.stop())
}

// SetDeadline measures what a call of SetReadDeadline takes, in nanoseconds.
func (b Bench) SetDeadline(ctx context.Context, s server.Server, cpus string, d time.Duration) (float64, error) {
	p, err := start(ctx, b.Exe, "setdeadline", "-impl", s.Name, "-cpus", cpus, "-duration", d.String())
	if err != nil {
		return 0, err
	}
	text, err := p.line()
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseFloat(text, 64)
	return ns, errors.Join(err, p.stop())
}

func (b Bench) client(ctx context.Context, s *Server, spec LoadSpec, span ...string) (*process, error) {
	return start(ctx, b.Exe, append([]string{"client",
		"-addr", s.addr,
		"-pid", strconv.Itoa(s.PID()),
		"-protocol", string(spec.Protocol),
		"-conns", strconv.Itoa(spec.Conns),
		"-background", strconv.Itoa(spec.Background),
		"-depth", strconv.Itoa(max(spec.Depth, 1)),
		"-size", strconv.Itoa(max(spec.Size, 1)),
		"-rate", strconv.Itoa(spec.Rate),
		"-burst", strconv.Itoa(max(spec.Burst, 1)),
		"-churn=" + strconv.FormatBool(spec.Churn),
		"-opening", spec.Opening.String(),
		"-reserve", strconv.FormatInt(spec.Reserve, 10),
		"-crowd=" + strconv.FormatBool(spec.Crowd),
		"-warmup", spec.Warmup.String(),
		"-cpus", spec.CPUs}, span...)...)
}

func (p *process) result() (result load.Result, err error) {
	text, err := p.line()
	if err != nil {
		return result, err
	}
	return result, json.Unmarshal([]byte(text), &result)
}
