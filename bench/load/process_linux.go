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
	"github.com/moor-net/moor/bench/server"
)

// Ready begins the line that a client prints when it counts requests and waits
// for a line on stdin to begin. The number of its connections follows.
const Ready = "ready "

// Main runs one load as a process and prints its Result as a line of JSON on
// stdout. With -requests it prints Ready and waits for a line on stdin before
// the requests, and for another one, or the end of stdin, after the result.
func Main(args []string, stdin io.Reader, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	addr := flags.String("addr", "", "`address` of the server, such as 127.0.0.1:7000")
	pid := flags.Int("pid", os.Getpid(), "`process` whose CPU time to measure; by default the client's own")
	protocol := flags.String("protocol", string(server.Echo), "`protocol` to speak: echo, deadline, sleepy, http, https, websocket, plain, sendfile, splice")
	conns := flags.Int("conns", 64, "`number` of connections")
	background := flags.Int("background", 0, "`number` of connections besides that make a request at the beginning and are idle then")
	depth := flags.Int("depth", 1, "`requests` each connection has on their way at any time")
	size := flags.Int("size", 64, "size of an echo in `bytes`")
	rate := flags.Int("rate", 0, "`requests` that become due in a second, whatever the server does; 0 for as many as it answers")
	burst := flags.Int("burst", 1, "with -rate, `requests` that become due at once on one connection")
	churn := flags.Bool("churn", false, "make every request on a connection of its own")
	crowd := flags.Bool("crowd", false, "open more connections than there are ports, of which as many as -requests says make a second request")
	opening := flags.Duration("opening", 0, "with -crowd, `time` after which no more connections are opened; 0 for no limit")
	reserve := flags.Int64("reserve", 0, "with -crowd, `bytes` of memory that are to be left: with less no more connections are opened")
	warmup := flags.Duration("warmup", 300*time.Millisecond, "`time` of load before what is measured")
	duration := flags.Duration("duration", 2*time.Second, "`time` to measure")
	requests := flags.Int("requests", 0, "measure so many `requests`, made in rounds with rests between them, instead of a fixed time")
	cpus := flags.String("cpus", "", "`CPUs` to pin the process to, such as 1; empty for no pinning")
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
		name         string
		value, least int
	}{
		{"conns", *conns, 1}, {"depth", *depth, 1}, {"size", *size, 1}, {"burst", *burst, 1},
		{"background", *background, 0}, {"rate", *rate, 0}, {"requests", *requests, 0},
	} {
		if number.value < number.least {
			return fmt.Errorf("-%s %d: must be at least %d", number.name, number.value, number.least)
		}
	}
	if err := affinity.Enter(*cpus, 1); err != nil {
		return err
	}

	lines := bufio.NewReader(stdin)
	cfg := Config{
		Addr:       to,
		ServerPID:  *pid,
		Protocol:   server.Protocol(*protocol),
		Conns:      *conns,
		Background: *background,
		Depth:      *depth,
		Size:       *size,
		Rate:       *rate,
		Burst:      *burst,
		Churn:      *churn,
		Crowd:      *crowd,
		Opening:    *opening,
		Reserve:    *reserve,
		Warmup:     *warmup,
		Duration:   *duration,
		Requests:   *requests,
		Begin: func(conns int) error {
			if _, err := fmt.Fprintf(stdout, "%s%d\n", Ready, conns); err != nil {
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
