package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/moor-net/moor/bench/simulate"
)

// simulation fills the library's own tables beyond what a machine has
// connections for.
func simulation(args []string, _ io.Reader, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	n := flags.Int("n", 10_000_000, "`number` of slots, of deadlines and of registrations")
	if err := parseFlags(flags, args, stdout); err != nil {
		return err
	}
	if *n < 1 {
		return fmt.Errorf("-n %d: must be at least 1", *n)
	}
	step, end := simulate.Write(stdout)
	return errors.Join(simulate.Run(*n, step), end())
}
