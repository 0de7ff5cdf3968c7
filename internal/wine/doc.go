// Package wine runs the tests for Windows where there is no Windows: under
// Wine, without a display and without installing anything into Go or Wine.
//
//	go run ./internal/wine/cmd/wine test ./binding            # go test, for Windows
//	go run ./internal/wine/cmd/wine test -race -run Pipe -v ./conn -rounds 3
//	go run ./internal/wine/cmd/wine run ./path/to/program     # go run, for Windows
//	go run ./internal/wine/cmd/wine clean                     # remove the prefixes
//
// Flags and packages are those of the go command, except -exec and -overlay,
// which are taken. From another directory, or to save the second that go run
// takes, build it: go build -o wine ./internal/wine/cmd/wine.
//
// # What a session is made of
//
// A session has a Wine prefix, one wineserver, and an overlay for the standard
// library; see [Start]. Prefixes are kept in the user's cache directory and
// numbered: a session takes the first one that no other session uses, by a lock
// that dies with its process. So any number of sessions may run at the same
// time. None shares a server, a registry or a namespace of pipes with another,
// and a session that was killed leaves a server that the next one to take its
// prefix stops.
//
// # What Wine 8 lacks
//
//   - Go asks bcryptprimitives.dll for random numbers. A DLL without code that
//     passes the one function on to another DLL is put into the prefix; its
//     bytes are made here, so that no compiler is needed ([Forwarder]).
//   - Two calls in the standard library take an answer for a failure that
//     Windows does not give. Both places are patched in copies of the installed
//     Go's files, which go build -overlay then uses ([Overlay]). A Go in which a
//     place is not found is refused, rather than tested without the patch.
//
// # What the results mean
//
// Nothing is cached: go test follows the files that a test opens, but not under
// their Windows names. Wine is slow and its clock coarse, so only correctness is
// tested. Where it answers differently from Windows the tests accept both, and
// say whose answer is which.
package wine
