package conn_test

import (
	"regexp"

	"github.com/moor-net/moor/internal/sockerr"
)

// An exception is an answer of ours that need not be package net's, which on
// Windows has ways of its own, or Wine's. All three are regular expressions.
type exception struct {
	test, theirs, ours string
	wine               bool // Windows needs no exception
}

var exceptions = []exception{
	// Package net asks the system for nothing of a connection: it waits until
	// there is something, takes a datagram off and says that it was too long.
	// Ours has read nothing at once, as on other systems.
	{test: "expired$|too_short$|reset$", theirs: `^Read\(0 bytes, \) = int 0, "read .*: (i/o timeout|wsarecv: )`, ours: `^Read\(0 bytes, \) = int 0, nil, ""`},
	// With nothing to read into package net does not look at the socket, also
	// when that was closed. Ours takes a datagram off, as on other systems.
	{test: "_closed$", theirs: readNothing, ours: `use of closed network connection`},
	{test: "_expired$", theirs: readNothing, ours: `i/o timeout`},
	{test: "_too_short$", theirs: readNothing, ours: `: wsarecvfrom: `},
	{test: "_empty_message$", theirs: readNothing, ours: `= int 0, .*(LOCAL1|REMOTE0).*, nil, `},
	{test: "BufferIsCut$", theirs: `^ReadFrom nothing 0 <nil>`, ours: `^ReadFrom nothing 0 .*: wsarecvfrom: `},
	// RawConn's methods call the function although the deadline has passed. Ours
	// don't, as on other systems.
	{test: "_expired$", theirs: `^SyscallConn\(\) = RawConn{<nil>, <nil>, <nil>}, nil, $`,
		ours: `^SyscallConn\(\) = RawConn{<nil>, raw-read .*: i/o timeout(, raw-write .*: i/o timeout|, .*not supported.*)}, nil, $`},
	{test: "CallErrors", theirs: `raw (Read|Write) <nil>`, ours: `raw (Read|Write) ".*: i/o timeout"`},
	// Of a port that is too large WriteMsgUDP takes the lower bits. Ours is
	// refused, as by WriteTo.
	{test: "CallErrors", theirs: `WriteMsgUDP .*:(70000|-1) = 0, 0, `, ours: ` = 0, 0, ".*: wsasendmsg: invalid argument"`},

	// Wine does not know the option, and package net names the call that it
	// would have made instead.
	{wine: true, test: "_closed$", theirs: `^SetKeepAlivePeriod\(.*: wsaioctl: use of closed`, ours: `: setsockopt: use of closed`},
	// Package net can't take its sockets off their port under Wine.
	{wine: true, test: ".", theirs: `File.* "file .*> windows.NTStatus`, ours: `File(\(\) = a file named .*, nil, | <nil>)$`},
	// A reset that has arrived is an end to package net under Wine.
	{wine: true, test: "_reset$", theirs: `^(Read|WriteTo)\(.* = int(64)? 0, ("EOF"|nil, $)`, ours: `wsarecv: .*reset by`},
	{wine: true, test: "CopyIntoAFileErrors", theirs: `^reset, .*: 0, <nil>$`, ours: `^reset, .*: 0, ".*wsarecv: .*reset by`},
	// Wine does not count what was read of a datagram that was too long.
	{wine: true, test: "_too_short$", theirs: `^Read.*\(3 bytes, .* = int 0, .*: wsarecv`, ours: `^Read.*\(3 bytes, .* = int 3, .*"lon"`},
	{wine: true, test: "BufferIsCut$", theirs: `^Read\w+ 0 .*: wsarecv`, ours: `^Read\w+ 4 .*: wsarecv`},
	// Nor what was sent by a call that ended at once.
	{wine: true, test: "CallErrors", theirs: `WriteMsgUDP.* = 0, 0, <nil>$`, ours: ` = 10, 0, <nil>$`},
	{wine: true, test: "SendingAndReceiving$", theirs: `WriteMsgUDP.*: sent 0, <nil>$`, ours: `: sent (1|1000), <nil>$`},
}

const readNothing = `^ReadFrom.*\(0 bytes, \) = int 0, .*:0.*, nil, `

// excepted reports whether ours may be an answer in a test where package net's is
// theirs.
func excepted(test, theirs, ours string) bool {
	for _, e := range exceptions {
		if (sockerr.Wine || !e.wine) && regexp.MustCompile(e.test).MatchString(test) &&
			regexp.MustCompile(e.theirs).MatchString(theirs) && regexp.MustCompile(e.ours).MatchString(ours) {
			return true
		}
	}
	return false
}
