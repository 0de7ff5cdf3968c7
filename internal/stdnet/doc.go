// Package stdnet runs Go's own tests of package net against this library.
//
// Whoever swaps net.Listen and net.Dial for this library must see no
// difference in behaviour, and nobody has written down package net's behaviour
// better than its tests have. They are taken from the installed Go at the time
// of the run; none of them is in this repository.
//
//	go run ./internal/stdnet/cmd/stdnet            # run and compare
//	go run ./internal/stdnet/cmd/stdnet -race      # with the race detector
//	go run ./internal/stdnet/cmd/stdnet -run 'Timeout|Deadline' -count 10
//	go run ./internal/stdnet/cmd/stdnet -v         # all tests, all reasons
//	go run ./internal/stdnet/cmd/stdnet -keep dir  # leave the packages in dir
//	go run ./internal/stdnet/cmd/stdnet -wine      # for Windows, under Wine
//
// # How it works
//
// Generate type-checks package net with its tests as the go command would
// build them for the target, and cuts the test files into units: functions,
// methods, single declarations. It emits them as a package of its own, also
// named net, into a scratch module beside a façade in which every exported
// name of package net is an alias: of std's, or, for the names in the table of
// overrides, of what packages conn and listener export under the same name.
// Unexported names and Go's internal packages are there if there is a shim for
// them (see package shim). What the type checker complains about is dropped,
// with everything that needs it, until nothing is left to complain about. Line
// numbers stay Go's, so that a failure at timeout_test.go:123 is found in
// GOROOT/src/net.
//
// The same is done twice. The package over std is the baseline: a test that
// fails or skips there says nothing about the library. The package over the
// library must pass what the baseline passes. A test that compiles over std
// and not over the library is lost, which counts like a failure, for a program
// that uses the same methods would not compile either.
//
// A name that the library has not got yet falls back to std's, and the report
// says so; -complete makes that an error.
//
// # What makes a run fail
//
// A test or subtest that passes over std and fails, skips, crashes, is missing
// or does not compile over the library; a test process that crashes or is
// found racy over the library, also if all tests pass when run again one by
// one; a run over std of which that is true; and fewer tests than the floor
// that ran to an end over the library and reach it.
//
// What fails over std is given a second try on its own, for the baseline
// should not depend on how busy the machine is. What fails over the library is
// not, though the report notes what a second try gave.
//
// # What is not covered
//
// Benchmarks and examples are left out. Tests that look inside package net or
// redirect its system calls drop out: the paths of sendfile and splice, the
// number of writev calls, parallel dialling with made-up addresses, keep-alive
// seen from a hook. Of the sendfile tests the part that looks for the system
// call is taken away and the rest runs. Tests that need a host elsewhere skip;
// names are resolved from this machine's files only, and tests that add and
// remove network interfaces are dropped. Tests that use nothing which the
// library replaces run with -all.
package stdnet
