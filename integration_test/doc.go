// Package integration has tests alone: real clients, servers and libraries,
// unmodified, on connections and listeners of this module's parent. It is a
// module of its own so that nobody who uses the library inherits what these
// tests depend on.
//
//	go test -race ./...
//
// Some tests talk to programs of the system (chromium, curl, nginx,
// redis-server, socat) and are skipped where these are missing. In Debian they
// are in the packages chromium, curl, nginx-light, redis-server and socat.
package integration
