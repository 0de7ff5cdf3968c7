package server

import (
	"flag"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/moor-net/moor/bench/affinity"
)

// DeadlineMain measures what it takes to set a read deadline on a connection
// that nobody reads from, and prints the nanoseconds of a call. The moments are
// made from one look at the clock, which costs as much with every library.
func DeadlineMain(args []string, _ io.Reader, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("setdeadline", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	name := flags.String("impl", "std", "`server` whose connection to take")
	cpus := flags.String("cpus", "", "`CPUs` to pin the process to; empty for no pinning")
	duration := flags.Duration("duration", time.Second, "`time` to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := Lookup(*name)
	if err != nil {
		return err
	}
	if s.Listen == nil {
		return fmt.Errorf("server %s has no net.Listener", *name)
	}
	if err := affinity.Enter(*cpus, 1); err != nil {
		return err
	}
	ln, err := s.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return err
	}
	defer peer.Close()
	c, err := ln.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	ns, err := timeOfSetting(c, *duration)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, ns)
	return err
}

// timeOfSetting moves the deadline on, as a server does for every request.
func timeOfSetting(c net.Conn, d time.Duration) (ns float64, err error) {
	const batch = 10000
	begin := time.Now()
	for calls := 0; ; calls += batch {
		if took := time.Since(begin); took > d {
			return float64(took) / float64(calls), nil
		}
		at := time.Now().Add(time.Minute)
		for range batch {
			at = at.Add(time.Microsecond)
			if err := c.SetReadDeadline(at); err != nil {
				return 0, err
			}
		}
	}
}
