package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/bench/affinity"
)

// options is the command line of a server's process.
type options struct {
	name     string
	protocol string
	config   Config
	cpus     string
	hogs     int
	free     time.Duration
	profile  string
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.name, "impl", "std", "`server` to run: "+strings.Join(Names(), ", "))
	flags.StringVar(&o.protocol, "protocol", string(Echo), "`protocol` to speak: echo, deadline, sleepy, http, https, websocket, plain, sendfile, splice")
	flags.StringVar(&o.config.Addr, "addr", "127.0.0.1:0", "TCP `address` to listen on; port 0 takes a free one")
	flags.IntVar(&o.config.Procs, "procs", 1, "GOMAXPROCS of the server")
	flags.IntVar(&o.config.Buf, "buf", 4096, "size of a connection's read buffer in `bytes`")
	flags.DurationVar(&o.config.Grace, "grace", 5*time.Second, "`time` a connection is idle before it is parked, by servers that do")
	flags.DurationVar(&o.config.IdleTimeout, "idletimeout", 0, "`time` after which HTTP servers close idle connections, 0 for never")
	flags.DurationVar(&o.config.KeepAlive, "keepalive", 0, "`time` between TCP's keep-alive probes, of servers that use this library's or package net's listener; 0 for Go's 15 s, negative for none")
	flags.StringVar(&o.cpus, "cpus", "", "`CPUs` to pin the process to, such as 0 or 0,1; empty for no pinning")
	flags.IntVar(&o.hogs, "hogs", 0, "`number` of goroutines that compute all the time beside the server")
	flags.DurationVar(&o.free, "free", 0, "`time` after which the server collects and gives free memory back, over and over; 0 for never")
	flags.StringVar(&o.profile, "cpuprofile", "", "`file` to write a CPU profile of the whole run to")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stdout)
			flags.Usage()
		}
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	for _, number := range []struct {
		name         string
		value, least int
	}{{"procs", o.config.Procs, 1}, {"buf", o.config.Buf, 1}, {"hogs", o.hogs, 0}} {
		if number.value < number.least {
			return o, fmt.Errorf("-%s %d: must be at least %d", number.name, number.value, number.least)
		}
	}
	return o, nil
}

// AskMemory is the line that asks a server for its memory.
const AskMemory = "memory"

// Main runs one server as a process: it prints the server's address as one
// line on stdout and ends when stdin does, so that no server outlives whoever
// started it. To a line [AskMemory] on stdin it answers with a line of JSON, a
// [Memory]; to any other with the number of goroutines.
func Main(args []string, stdin io.Reader, stdout, _ io.Writer) (err error) {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	starter, err := start(o.name, Protocol(o.protocol))
	if err != nil {
		return err
	}
	if err := affinity.Enter(o.cpus, o.config.Procs); err != nil {
		return err
	}

	// Systems with the Yama module let a process be traced by its ancestors
	// alone, and strace is a sibling here. Elsewhere the call is EINVAL, and
	// there is nothing to permit.
	if err := unix.Prctl(unix.PR_SET_PTRACER, unix.PR_SET_PTRACER_ANY, 0, 0, 0); err != nil && err != unix.EINVAL {
		return os.NewSyscallError("prctl", err)
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, f.Close())
		}()
	}

	bound, err := starter(o.config)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, bound); err != nil {
		return err
	}
	if o.free > 0 {
		go freeRegularly(o.free)
	}
	for range o.hogs {
		go compute()
	}
	return answer(stdin, stdout)
}

// compute takes all the CPU time that it is given.
func compute() {
	for n := uint64(1); ; n++ {
		spun.Store(n)
	}
}

// spun keeps the compiler from leaving out what compute does.
var spun atomic.Uint64

func answer(stdin io.Reader, stdout io.Writer) error {
	lines := bufio.NewScanner(stdin)
	for lines.Scan() {
		if lines.Text() != AskMemory {
			if _, err := fmt.Fprintln(stdout, runtime.NumGoroutine()); err != nil {
				return err
			}
			continue
		}
		if err := json.NewEncoder(stdout).Encode(takeMemory()); err != nil {
			return err
		}
	}
	return lines.Err()
}
