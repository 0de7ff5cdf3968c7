package conn_test

import (
	"regexp"

	"github.com/moor-net/moor/internal/sockerr"
)

// An exception is an answer of ours that need not be package net's, which on
// Windows has ways of its own, or Wine's.
type exception struct {
	situation, theirs, ours string // regular expressions
	wine                    bool   // Windows needs no exception
}

var exceptions = []exception{
	// Package net asks the system for nothing of a connection: it waits until
	// there is something, takes a datagram off and says that it was too long.
	// Ours has read nothing at once, as on other systems.
	{situation: "expired$|too short$", theirs: `^Read\(0 bytes, \) = int 0, "read .*(i/o timeout|10040|WSAEMSGSIZE|larger than)`,
		ours: `^Read\(0 bytes, \) = int 0, nil, ""`},
	// With nothing to read into package net does not look at the socket, also
	// when that was closed. Ours takes a datagram off, as on other systems.
	{situation: "closed$", theirs: `^ReadFrom.*\(0 bytes, \) = int 0, .*:0.*, nil, `, ours: `use of closed network connection`},
	{situation: "expired$", theirs: `^ReadFrom.*\(0 bytes, \) = int 0, .*:0.*, nil, `, ours: `i/o timeout`},
	{situation: "too short$", theirs: `^ReadFrom.*\(0 bytes, \) = int 0, .*:0.*, nil, `, ours: `: wsarecvfrom: `},
	{situation: "empty message$", theirs: `^ReadFrom.*\(0 bytes, \) = int 0, .*:0.*, nil, `, ours: `= int 0, .*(LOCAL1|REMOTE0).*, nil, `},
	// RawConn's methods call the function although the deadline has passed. Ours
	// don't, as on other systems.
	{situation: "expired$", theirs: `^SyscallConn\(\) = RawConn{<nil>, <nil>, <nil>}, nil, $`,
		ours: `^SyscallConn\(\) = RawConn{<nil>, raw-read .*: i/o timeout(, raw-write .*: i/o timeout|, .*not supported.*)}, nil, $`},

	// Wine does not know the option, and package net names the call that it
	// would have made instead.
	{wine: true, situation: "closed$", theirs: `^SetKeepAlivePeriod\(.*: wsaioctl: use of closed`, ours: `: setsockopt: use of closed`},
	// Package net can't take its sockets off their port under Wine.
	{wine: true, situation: "expired$", theirs: `^File\(\) = File <nil>, "file .*> windows.NTStatus`, ours: `^File\(\) = a file named .*, nil, $`},
	// A reset that has arrived is an end to package net under Wine.
	{wine: true, situation: "reset$", theirs: `^(Read|WriteTo)\(.* = int(64)? 0, ("EOF"|nil, $)`, ours: `(?i)(wsarecv: .*reset by)`},
	// Wine does not count what has been read of a datagram that is too long.
	{wine: true, situation: "too short$", theirs: `^Read.*\(3 bytes, .* = int 0, .*: wsarecv`, ours: `^Read.*\(3 bytes, .* = int 3, .*"lon"`},
}

// excepted reports whether ours may be the answer where package net's is theirs.
func excepted(situation, theirs, ours string) bool {
	for _, e := range exceptions {
		if (sockerr.Wine || !e.wine) && regexp.MustCompile(e.situation).MatchString(situation) &&
			regexp.MustCompile(e.theirs).MatchString(theirs) && regexp.MustCompile(e.ours).MatchString(ours) {
			return true
		}
	}
	return false
}
