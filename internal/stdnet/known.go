package stdnet

// known are the tests that may fail over the library, by system, and why. A
// crash, or that one does not compile, is never excused.
var known = map[string]map[string]string{
	"windows": {
		// Package net's sockets block when they are used behind its back.
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
