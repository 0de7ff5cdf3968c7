package server

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moor-net/moor/bench/affinity"
)

// Main runs one server as a process: it prints the server's address as one
// line on stdout and ends when stdin does, so that no server outlives whoever
// started it.
func Main(args []string, stdin io.Reader, stdout, _ io.Writer) (err error) {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	impl := flags.String("impl", "std", "server to run: "+strings.Join(Names(), ", "))
	addr := flags.String("addr", "127.0.0.1:0", "TCP address to listen on; port 0 takes a free one")
	procs := flags.Int("procs", 1, "GOMAXPROCS of the server")
	buf := flags.Int("buf", 4096, "size of a connection's read buffer in bytes")
	cpus := flags.String("cpus", "", "CPUs to pin the process to, such as 0 or 0,1; empty for no pinning")
	profile := flags.String("cpuprofile", "", "file to write a CPU profile of the whole run to")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stdout)
			flags.Usage()
		}
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *procs < 1:
		return fmt.Errorf("-procs %d: must be at least 1", *procs)
	case *buf < 1:
		return fmt.Errorf("-buf %d: must be at least 1", *buf)
	}
	start, err := Lookup(*impl)
	if err != nil {
		return err
	}
	if err := affinity.Enter(*cpus, *procs); err != nil {
		return err
	}

	// Systems with the Yama module let a process be traced by its ancestors
	// alone, and strace is a sibling here. Elsewhere the call is EINVAL, and
	// there is nothing to permit.
	if err := unix.Prctl(unix.PR_SET_PTRACER, unix.PR_SET_PTRACER_ANY, 0, 0, 0); err != nil && err != unix.EINVAL {
		return os.NewSyscallError("prctl", err)
	}
	if *profile != "" {
		f, err := os.Create(*profile)
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

	bound, err := start(Config{Addr: *addr, Procs: *procs, Buf: *buf})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, bound); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return err
}
