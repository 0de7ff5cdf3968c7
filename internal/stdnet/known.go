package stdnet

// known are the tests that may fail over the library, by system, and why. A
// crash, or that one does not compile, is never excused.
var known = map[string]map[string]string{
	"windows": {
		// Package net's sockets block when they are used behind its back: all
		// that it does itself is overlapped. Here they must not block, and the
		// mode is one for all handles of a socket. Were it changed while the
		// function runs, a Write at the same time would block in the system,
		// where no deadline and no Close reaches it; were that to wait instead,
		// a function that waits for an answer would keep the request from
		// being sent. To wait until the socket is ready before the function
		// is called would hang those that only look at it. So the function is
		// told WSAEWOULDBLOCK, for which syscall.RawConn has it return false;
		// that of this test does not.
		"TestRawConnReadWrite":     "sockets do not block in RawConn's functions",
		"TestRawConnReadWrite/TCP": "sockets do not block in RawConn's functions",
	},
}

// excuse marks the rows whose difference is known on the system goos.
func excuse(rows []Row, goos string) {
	for i := range rows {
		rows[i].Known = known[goos][rows[i].Name]
	}
}
