package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/moor-net/moor/bench/picture"
)

// plot draws the pictures of a file of results.
func plot(args []string, _ io.Reader, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("plot", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	in := flags.String("in", defaultFile, "`file` of results")
	dir := flags.String("dir", "docs", "`folder` for the pictures")
	if err := parseFlags(flags, args, stdout); err != nil {
		return err
	}
	results, err := readFile(*in)
	if err != nil {
		return err
	}
	files, err := picture.WriteAll(results, *dir)
	for _, name := range files {
		if _, sayErr := fmt.Fprintln(stdout, name); sayErr != nil {
			err = errors.Join(err, sayErr)
		}
	}
	return err
}
