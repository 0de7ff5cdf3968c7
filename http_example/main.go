// Command http_example serves a small site through an unmodified net/http
// server on this library's listener, and shows on the site's page, live, what
// the server holds and does: connections and how many of them are parked,
// goroutines, memory, requests per second, and the event loops' figures.
//
// With -std the same server runs on the standard library's listener, for
// comparison, and with -park=false idle connections are not parked. Run it with
// -h for everything else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// drainTimeout bounds how long a stopping server waits for requests that are
// still being answered.
const drainTimeout = 10 * time.Second

func main() {
	// Two places, so that a second Ctrl-C is kept while the first is handled.
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, interrupts))
}

// run is the whole program: it serves until ctx ends or the first interrupt
// comes, drains, and returns the exit status. A further interrupt while it
// drains cuts every connection.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, interrupts <-chan os.Signal) int {
	opts, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		io.WriteString(stdout, usage)
		return 0
	}
	if err != nil {
		return fail(stderr, fmt.Errorf("%w (-h explains the flags)", err))
	}
	ln, err := listen(ctx, opts.addr, opts.std)
	if err != nil {
		return fail(stderr, err)
	}
	srv, err := newServer(opts, ln, stderr)
	if err != nil {
		ln.Close()
		return fail(stderr, err)
	}

	served := make(chan error, 1)
	go func() { served <- srv.serve() }()
	say(stdout, "serving %s on %s", srv.url, opts.listenerName())
	if opts.tls {
		say(stdout, "self-signed certificate, SHA-256 %s", srv.fingerprint)
	}
	say(stdout, "Ctrl-C drains and stops, a second one stops at once")

	select {
	case err := <-served:
		srv.close()
		return fail(stderr, err)
	case <-interrupts:
	case <-ctx.Done():
	}
	return drain(srv, stdout, stderr, interrupts)
}

// drain stops srv: it lets the requests in progress end, within drainTimeout
// and until another interrupt comes, and then closes whatever is left.
func drain(srv *server, stdout, stderr io.Writer, interrupts <-chan os.Signal) int {
	say(stdout, "draining %s, for %v at most; Ctrl-C stops at once",
		plural(srv.connections(), "connection"), drainTimeout)
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- srv.shutdown(ctx) }()

	var err error
	select {
	case err = <-drained:
	case <-interrupts:
		err = errors.New("stopped at once")
	}
	if err != nil {
		cut := srv.connections()
		srv.close()
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("not drained within %v", drainTimeout)
		}
		return fail(stderr, fmt.Errorf("%w, %s cut", err, plural(cut, "connection")))
	}
	srv.close()
	say(stdout, "drained in %v", time.Since(began).Round(time.Millisecond))
	return 0
}

// say writes one line for the user.
func say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "http_example: "+format+"\n", args...)
}

// fail writes err as one line and returns the exit status of a failure.
func fail(stderr io.Writer, err error) int {
	say(stderr, "%s", strings.Join(strings.FieldsFunc(err.Error(), isLineBreak), " "))
	return 1
}

func isLineBreak(r rune) bool { return r == '\n' || r == '\r' }

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
