// Command bench measures this library and others side by side on one machine.
//
//	go run ./bench -quick                   # everything, under ten minutes
//	go run ./bench echo -servers moor,std   # one measurement
//	go run ./bench report                   # the tables again, from the file
//	go run ./bench plot                     # pictures, from the file
//	go run ./bench million                  # a million connections, in a guest
//
// A server and a load client are two processes of their own: the command
// executes itself again as "server" and as "client". Both can be started by
// hand too, to profile or to trace one of them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/moor-net/moor/bench/affinity"
	"github.com/moor-net/moor/bench/guest"
	"github.com/moor-net/moor/bench/load"
	"github.com/moor-net/moor/bench/server"
)

// A command is one word after "bench" with flags of its own. It reads from
// stdin only where the processes of a measurement talk to each other.
type command struct {
	name, summary string
	run           func(args []string, stdin io.Reader, stdout, stderr io.Writer) error
}

// commands, besides the measurements.
var commands = []command{
	{"million", "hold a million parked HTTP connections in a guest of its own", million},
	{"simulate", "fill the library's own tables with ten million entries", simulation},
	{"plot", "draw the pictures of a file of results", plot},
	{"report", "print the tables and bars of a file of results", report},
	{"servers", "list the servers that can be measured", servers},
	{"server", "run one server (started by the others)", server.Main},
	{"client", "load a server (started by the others)", load.Main},
	{"exec", "run a program pinned to CPUs (started by the others)", affinity.Main},
	{"setdeadline", "measure SetReadDeadline (started by the others)", server.DeadlineMain},
}

func main() {
	if guest.IsInit() {
		guest.Init()
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit status. An error is one
// line on stderr and status 1; asking for help is no error.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		args = append([]string{everything}, args...)
	}
	if args[0] == "help" {
		args = []string{everything, "-h"}
	}
	for _, c := range append(measurements(), commands...) {
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
