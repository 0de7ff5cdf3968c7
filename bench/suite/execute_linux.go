package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/moor-net/moor/bench/measure"
	"github.com/moor-net/moor/bench/server"
)

// Execute measures the cases that results has not got yet, tells progress about
// each turn, and calls save after each round.
func (r Run) Execute(ctx context.Context, cases []Case, results *Results, progress io.Writer, save func() error) error {
	begun := time.Now()
	for i, c := range cases {
		servers, err := c.candidates(r.Only)
		if err != nil {
			return err
		}
		if len(servers) == 0 {
			continue
		}
		names := make([]string, len(servers))
		for j, s := range servers {
			names[j] = s.Name
		}
		o := results.begin(c, names)
		if o.Done {
			fmt.Fprintf(progress, "[%d/%d] %s: measured before\n", i+1, len(cases), c.Name)
			continue
		}
		fmt.Fprintf(progress, "[%d/%d] %s (%v)\n", i+1, len(cases), c.Name, time.Since(begun).Round(time.Second))
		if err := r.rounds(ctx, c, servers, o, progress, save); err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		r.count(ctx, c, servers, o, progress)
		o.Done = true
		if err := save(); err != nil {
			return err
		}
	}
	return nil
}

// rounds gives every server its turn, there and back again in the next round,
// so that no server always comes after the same one. A server that fails is
// left out from then on, and the reason kept.
func (r Run) rounds(ctx context.Context, c Case, servers []server.Server, o *Outcome, progress io.Writer, save func() error) error {
	for n := len(o.Rounds); n < c.Rounds; n++ {
		order := slices.Clone(servers)
		if n%2 == 1 {
			slices.Reverse(order)
		}
		round := map[string]Figures{}
		for _, s := range order {
			if _, out := o.Missing[s.Name]; out {
				continue
			}
			f, err := r.turn(ctx, c, s)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				o.Missing[s.Name] = reason(err)
				fmt.Fprintf(progress, "  %s left out: %v\n", s.Name, err)
				continue
			}
			round[s.Name] = f
			fmt.Fprintf(progress, "  round %d of %d, %s: %s\n", n+1, c.Rounds, s.Name, describe(c, f, r.Noise))
		}
		o.Rounds = append(o.Rounds, round)
		if err := save(); err != nil {
			return err
		}
	}
	return nil
}

func (r Run) turn(ctx context.Context, c Case, s server.Server) (Figures, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Warmup+c.Duration+grace)
	defer cancel()
	return c.run(ctx, r, c, s)
}

// count adds system calls per request.
func (r Run) count(ctx context.Context, c Case, servers []server.Server, o *Outcome, progress io.Writer) {
	if c.Calls == 0 {
		return
	}
	fmt.Fprintf(progress, "  counting system calls\n")
	for _, s := range servers {
		if _, out := o.Missing[s.Name]; out {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, grace)
		calls, err := r.Bench.CountCalls(limited, r.serverSpec(c, s), r.loadSpec(c), c.Calls)
		cancel()
		if errors.Is(err, measure.ErrNoStrace) {
			o.NoCalls = err.Error()
			return
		}
		if err != nil {
			fmt.Fprintf(progress, "  %s under strace: %v\n", s.Name, err)
			continue
		}
		o.Calls[s.Name] = calls
		for _, round := range o.Rounds {
			if round[s.Name] != nil {
				round[s.Name]["calls"] = calls.Total()
			}
		}
	}
}

// reason is an error in one line.
func reason(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// describe is one line on a turn: the figures that the case's table shows.
func describe(c Case, f Figures, noise float64) string {
	var parts []string
	for _, name := range c.Figures {
		if value, ok := f[name]; ok {
			parts = append(parts, columns[name].unit(value))
		}
	}
	if !quiet(f, noise) {
		parts = append(parts, fmt.Sprintf("NOISY: %.0f %% of a CPU elsewhere", 100*f["elsewhere"]))
	}
	return strings.Join(parts, ", ")
}
