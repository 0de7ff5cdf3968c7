// Package server holds the servers under measurement. Each is one file that
// registers a [Starter] under a name in its init function; everything else
// (the process around it, pinning, profiles) is shared.
package server

import (
	"fmt"
	"net"
	"slices"
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
}

// A Starter starts an echo server and returns the address it listens on. The
// server runs until its process ends.
type Starter func(Config) (net.Addr, error)

var starters = map[string]Starter{}

// register adds a server to those that -impl can name.
func register(name string, start Starter) {
	if _, taken := starters[name]; taken {
		panic("server: two servers named " + name)
	}
	starters[name] = start
}

// Names lists the registered servers in alphabetical order.
func Names() []string {
	names := make([]string, 0, len(starters))
	for name := range starters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Lookup returns the server registered under name.
func Lookup(name string) (Starter, error) {
	if start, ok := starters[name]; ok {
		return start, nil
	}
	return nil, fmt.Errorf("no server named %q (there are %v)", name, Names())
}
