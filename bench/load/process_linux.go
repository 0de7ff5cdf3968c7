package load

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/moor-net/moor/bench/affinity"
)

// Ready is the line a client prints when it counts requests and waits for a
// line on stdin to begin.
const Ready = "ready"

// Main runs one load as a process and prints its Result as a line of JSON on
// stdout. With -requests it prints Ready and waits for a line on stdin before
// the requests, and for another one, or the end of stdin, after the result.
func Main(args []string, stdin io.Reader, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	addr := flags.String("addr", "", "address of the echo server, such as 127.0.0.1:7000")
	pid := flags.Int("pid", os.Getpid(), "process whose CPU time to measure; by default the client's own")
	conns := flags.Int("conns", 64, "number of connections")
	depth := flags.Int("depth", 1, "requests each connection has on their way at any time")
	size := flags.Int("size", 64, "size of a request and of its answer in bytes")
	warmup := flags.Duration("warmup", 300*time.Millisecond, "load before what is measured")
	duration := flags.Duration("duration", 2*time.Second, "time to measure")
	requests := flags.Int("requests", 0, "measure so many requests, made in rounds with rests between them, instead of a fixed time")
	cpus := flags.String("cpus", "", "CPUs to pin the process to, such as 1; empty for no pinning")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stdout)
			flags.Usage()
		}
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	to, err := netip.ParseAddrPort(*addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	for _, number := range []struct {
		name  string
		value int
	}{{"conns", *conns}, {"depth", *depth}, {"size", *size}} {
		if number.value < 1 {
			return fmt.Errorf("-%s %d: must be at least 1", number.name, number.value)
		}
	}
	if err := affinity.Enter(*cpus, 1); err != nil {
		return err
	}

	lines := bufio.NewReader(stdin)
	cfg := Config{
		Addr:      to,
		ServerPID: *pid,
		Conns:     *conns,
		Depth:     *depth,
		Size:      *size,
		Warmup:    *warmup,
		Duration:  *duration,
		Requests:  *requests,
		Begin: func() error {
			if _, err := fmt.Fprintln(stdout, Ready); err != nil {
				return err
			}
			_, err := lines.ReadString('\n')
			return err
		},
	}
	cfg.End = func(r Result) error {
		if err := json.NewEncoder(stdout).Encode(r); err != nil {
			return err
		}
		if *requests == 0 {
			return nil
		}
		if _, err := lines.ReadString('\n'); err != nil && err != io.EOF {
			return err
		}
		return nil
	}
	_, err = Run(cfg)
	return err
}
