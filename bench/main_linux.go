// Command bench compares network libraries with each other on one machine.
//
//	go run ./bench echo -a moor -b std
//
// Each measurement runs a server and a load client as two processes of their
// own: the command executes itself again as "server" and as "client". Both
// can be started by hand too, to profile or to trace one of them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/moor-net/moor/bench/load"
	"github.com/moor-net/moor/bench/server"
)

// A command is one word after "bench" with flags of its own. It reads from
// stdin only where the processes of a measurement talk to each other.
type command struct {
	name, summary string
	run           func(args []string, stdin io.Reader, stdout, stderr io.Writer) error
}

var commands = []command{
	{"echo", "compare echo servers: CPU time, latency and system calls per request", echo},
	{"server", "run one server under measurement (started by the other commands)", server.Main},
	{"client", "load an echo server (started by the other commands)", load.Main},
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit status. An error is one
// line on stderr and status 1; asking for help is no error.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return 1
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		usage(stdout)
		return 0
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		err := c.run(args[1:], stdin, stdout, stderr)
		if err == nil || errors.Is(err, flag.ErrHelp) {
			return 0
		}
		fmt.Fprintf(stderr, "bench %s: %v\n", c.name, err)
		return 1
	}
	fmt.Fprintf(stderr, "bench: unknown command %q (bench -h lists them)\n", args[0])
	return 1
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: bench <command> [flags]; bench <command> -h explains the flags")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.summary)
	}
}
