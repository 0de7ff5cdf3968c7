package stdnet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Row holds the outcomes of one test or subtest over std and over the library.
type Row struct {
	Name         string
	Std, Library Result
	// Reaches is set if the test gets to a name that the library replaces.
	Reaches bool
	// Again is the outcome over the library when the test, having failed, was
	// run once more on its own; None if it was not. It excuses nothing.
	Again Outcome
}

// Regression reports whether the test passes over std and not over the
// library. That it was skipped, did not run or does not compile there counts.
func (r Row) Regression() bool {
	return r.Std.Outcome == Pass && r.Library.Outcome != Pass
}

// Subtest reports whether the row is part of another.
func (r Row) Subtest() bool { return strings.Contains(r.Name, "/") }

// Compare puts the outcomes side by side, in the order of the tests and each
// followed by its subtests. A test that cannot be compiled over the library is
// lost there.
func Compare(tests []Test, std, library Results) []Row {
	order := make(map[string]int)
	known := make(map[string]Test)
	for i, t := range tests {
		order[t.Name], known[t.Name] = i, t
	}
	names := make(map[string]bool)
	for _, results := range []Results{std, library} {
		for name := range results {
			names[name] = true
		}
	}
	var rows []Row
	for name := range names {
		top, _, _ := strings.Cut(name, "/")
		row := Row{Name: name, Std: std[name], Library: library[name], Reaches: known[top].Reaches}
		if lost := known[top].Lost; lost != "" {
			row.Library = Result{Lost, lost + "\n"}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		atop, _, _ := strings.Cut(a.Name, "/")
		btop, _, _ := strings.Cut(b.Name, "/")
		return cmp.Or(cmp.Compare(order[atop], order[btop]), cmp.Compare(atop, btop), cmp.Compare(a.Name, b.Name))
	})
	return rows
}

// Regressions returns the rows that make the comparison fail. A subtest that
// did not run because the test around it was lost, skipped or crashed is left
// to that row.
func Regressions(rows []Row) []Row {
	bad := make(map[string]bool)
	var regressions []Row
	for _, r := range rows {
		if !r.Regression() {
			continue
		}
		top, _, _ := strings.Cut(r.Name, "/")
		if r.Subtest() && bad[top] && r.Library.Outcome != Fail {
			continue
		}
		if !r.Subtest() {
			bad[r.Name] = true
		}
		regressions = append(regressions, r)
	}
	return regressions
}

// Baseline is an error if the run over std as a whole went wrong, so that
// nothing can be said about the library.
func Baseline(rows []Row) error {
	for _, r := range rows {
		if r.Name == wholeProcess && r.Std.Outcome != Pass {
			return fmt.Errorf("the process of the run over std ended with %v:\n%s", r.Std.Outcome, r.Std.Output)
		}
	}
	return nil
}

// Ran counts the tests, subtests left aside, that ran over the library to an
// end other than skipping and that reach it.
func Ran(rows []Row) int {
	n := 0
	for _, r := range rows {
		if !r.Subtest() && r.Reaches && (r.Library.Outcome == Pass || r.Library.Outcome == Fail) {
			n++
		}
	}
	return n
}
