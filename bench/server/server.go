// Package server holds the servers under measurement. Each is one file that
// registers a [Server] in its init function; everything else (the process
// around it, pinning, profiles) is shared.
package server

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"time"
)

// A Protocol is what a client and a server say to each other.
type Protocol string

const (
	// Echo answers with what it reads.
	Echo Protocol = "echo"
	// Deadline is Echo with a read deadline, a minute from now, set before
	// every Read.
	Deadline Protocol = "deadline"
	// Sleepy is Echo whose handler sleeps for SleepyTime before it answers a
	// message that Sleeps.
	Sleepy Protocol = "sleepy"
	// HTTP answers a request with its path.
	HTTP Protocol = "http"
	// HTTPS is HTTP/1.1 over TLS.
	HTTPS Protocol = "https"
	// WebSocket echoes messages.
	WebSocket Protocol = "websocket"
	// Plain, SendFile and Splice are large transfers: see transfer.go.
	Plain    Protocol = "plain"
	SendFile Protocol = "sendfile"
	Splice   Protocol = "splice"
)

// Config is what a server is told.
type Config struct {
	// Addr is the TCP address to listen on; port 0 takes a free one.
	Addr string
	// Procs is the number of CPUs the server may use at once. GOMAXPROCS is
	// already set to it; it matters to servers that count their own loops.
	Procs int
	// Buf is the size of a connection's read buffer in bytes.
	Buf int
	// Grace is how long a connection is idle before a server that parks
	// connections does so.
	Grace time.Duration
	// KeepAlive is the period of TCP's keep-alive probes, as in
	// net.ListenConfig: 15 s if 0, none if negative.
	KeepAlive time.Duration
	// IdleTimeout is http.Server's.
	IdleTimeout time.Duration
}

// A Starter starts a server of this process and returns the address it listens
// on. The server runs until the process ends.
type Starter func(Config) (net.Addr, error)

// A Server is one that can be measured. It has Start or Command.
type Server struct {
	// Name is how the command line and the tables call it: short, lower case.
	Name string
	// About is one line on what it is.
	About string
	// Start has the protocols that it speaks.
	Start map[Protocol]Starter
	// Listen is for those that offer a net.Listener.
	Listen func(network, address string) (net.Listener, error)
	// Command, for a program of its own that echoes, returns its command line;
	// dir is a directory for what it has to build first. "{addr}", "{procs}"
	// and "{buf}" in an argument stand for what Config says. An error says why
	// the server can't be measured here.
	Command func(dir string) ([]string, error)
}

// Speaks tells whether the server can be measured with p.
func (s Server) Speaks(p Protocol) bool {
	if s.Command != nil {
		return p == Echo
	}
	return s.Start[p] != nil
}

var servers = map[string]Server{}

// register adds a server to those that have a name.
func register(s Server) {
	if _, taken := servers[s.Name]; taken {
		panic("server: two servers named " + s.Name)
	}
	servers[s.Name] = s
}

// Foreign adds a program to the servers: an echo server that listens on the
// address that replaces "{addr}" in its command line, or is its last argument.
func Foreign(name string, command []string) error {
	if _, taken := servers[name]; taken || name == "" || len(command) == 0 {
		return fmt.Errorf("bad name %q or command %q of a server", name, command)
	}
	register(Server{
		Name:    name,
		About:   "a program given on the command line",
		Command: func(string) ([]string, error) { return command, nil },
	})
	return nil
}

// Names lists the servers in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(servers)) }

// Lookup returns the server of that name.
func Lookup(name string) (Server, error) {
	if s, ok := servers[name]; ok {
		return s, nil
	}
	return Server{}, fmt.Errorf("no server named %q (there are %v)", name, Names())
}

// start returns the starter of a server of this process.
func start(name string, p Protocol) (Starter, error) {
	s, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	if s.Start[p] == nil {
		return nil, fmt.Errorf("server %s does not run %s in a process of this program", name, p)
	}
	return s.Start[p], nil
}
