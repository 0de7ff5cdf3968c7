package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

const usage = `Usage: http_example [-addr host:port] [-std] [-park=false] [-tls]

Serves a small site through an unmodified net/http server on moor's listener.
Its page shows, live: open and parked connections, goroutines, heap and stacks,
in all and per connection, requests per second, and what each event loop does.
It opens idle connections to the server if you ask it to. Open the printed
address in a browser; the page lists the endpoints with a command to try each.

  -addr host:port   where to listen (default 127.0.0.1:8080). Port 0 takes any
                    free one; without a host, as in :8080, the site can be
                    reached from other machines too.
  -std              run the same server on the standard library's listener
                    instead of moor's, to compare; the page says which.
  -park             park idle connections; on unless -park=false or -std is
                    given. A keep-alive connection (HTTP/1) that has been idle
                    for five seconds then waits outside of the server, without
                    goroutine or buffer, until it is readable. It needs moor's
                    listener, so -std with -park is refused. The page says
                    whether connections are parked.
  -tls              serve HTTPS with HTTP/2, with a self-signed certificate
                    made at start and kept in memory. Browsers warn about it;
                    compare the fingerprint, or use curl -k.
  -h                print this and stop.

Ctrl-C (SIGINT) or SIGTERM drains: no new connections, live streams are ended,
requests in progress have 10 seconds to finish. A second one stops at once.

Exit status: 0 after a complete drain; 1 after a bad flag, when the address
can't be listened on, or when connections had to be cut.
`

// options is what the command line chose.
type options struct {
	addr string // where to listen, as net.Listen takes it
	std  bool   // on the standard library's listener instead of moor's
	park bool   // idle connections; never with std
	tls  bool   // HTTPS and HTTP/2
}

// listenerName says which listener the server runs on, for people.
func (o options) listenerName() string {
	if o.std {
		return "the standard library's listener"
	}
	return "moor's listener"
}

// newFlags returns the flags that set o, which it gives the defaults.
func newFlags(o *options) *flag.FlagSet {
	flags := flag.NewFlagSet("http_example", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the caller reports, in one line
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8080", "")
	flags.BoolVar(&o.std, "std", false, "")
	flags.BoolVar(&o.park, "park", true, "")
	flags.BoolVar(&o.tls, "tls", false, "")
	return flags
}

// parseOptions reads the command line without its program name. It returns
// flag.ErrHelp when help was asked for.
func parseOptions(args []string) (options, error) {
	var o options
	flags := newFlags(&o)
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.std {
		asked := false
		flags.Visit(func(f *flag.Flag) { asked = asked || f.Name == "park" })
		if asked && o.park {
			return options{}, errors.New("-park needs moor's listener, which -std replaces")
		}
		o.park = false
	}
	return o, nil
}
