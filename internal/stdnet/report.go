package stdnet

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// maxLines bounds what is printed of one failed test.
const maxLines = 60

// Report writes the comparison: how many tests there are of each pair of
// outcomes, the rows that need a look, and the output of the regressions.
// With all, every row is printed.
func Report(w io.Writer, rows []Row, all bool) {
	writeMatrix(w, rows)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "\ntest\tstd\tlibrary\t\n")
	for _, r := range rows {
		note := ""
		switch {
		case r.Regression():
			note = "REGRESSION"
			if r.Again == Pass {
				note += ", passes on its own"
			}
		case r.Std.Outcome >= Fail:
			note = "fails over std too: not counted"
		case all && !r.Reaches && !r.Subtest() && r.Name != wholeProcess:
			note = "does not reach the library"
		}
		if all || r.Regression() || r.Std.Outcome >= Fail && !r.Subtest() {
			fmt.Fprintf(tw, "%s\t%v\t%v\t%s\n", r.Name, r.Std.Outcome, r.Library.Outcome, note)
		}
	}
	tw.Flush()
	for _, r := range Regressions(rows) {
		fmt.Fprintf(w, "\n=== %s: %v over the library, passes over std\n", r.Name, r.Library.Outcome)
		writeOutput(w, r.Library.Output)
	}
}

// writeMatrix counts the top-level tests by their two outcomes.
func writeMatrix(w io.Writer, rows []Row) {
	counts := make(map[[2]Outcome]int)
	for _, r := range rows {
		if !r.Subtest() && r.Name != wholeProcess {
			counts[[2]Outcome{r.Std.Outcome, r.Library.Outcome}]++
		}
	}
	outcomes := []Outcome{Pass, Skip, Fail, Crash, Lost, None}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "std \\ library\t")
	for _, o := range outcomes {
		fmt.Fprintf(tw, "%v\t", o)
	}
	fmt.Fprintln(tw)
	for _, std := range outcomes {
		if std == Lost {
			continue
		}
		fmt.Fprintf(tw, "%v\t", std)
		for _, library := range outcomes {
			fmt.Fprintf(tw, "%d\t", counts[[2]Outcome{std, library}])
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
}

// writeOutput prints a failed test's last lines.
func writeOutput(w io.Writer, output string) {
	lines := strings.Split(strings.TrimRight(output, "\n"), "\n")
	if cut := len(lines) - maxLines; cut > 0 {
		fmt.Fprintf(w, "    (%d lines left out)\n", cut)
		lines = lines[cut:]
	}
	for _, line := range lines {
		fmt.Fprintf(w, "    %s\n", line)
	}
}

// ReportSuite writes what the suite consists of. With all, every test that is
// not in it is listed with the reason.
func ReportSuite(w io.Writer, s *Scratch, all bool) {
	concerned, reaching, lost := 0, 0, 0
	for _, t := range s.Tests {
		if t.Concerns {
			concerned++
		}
		if t.Reaches {
			reaching++
		}
		if t.Lost != "" {
			lost++
		}
	}
	fmt.Fprintf(w, "%d tests of package net kept, %d dropped; %d concern the library, %d reach what it has\n",
		len(s.Tests), len(s.Dropped), concerned, reaching)
	fmt.Fprint(w, s.Library)
	if lost > 0 {
		fmt.Fprintf(w, "WARNING: %d tests do not compile over the library:\n", lost)
		for _, t := range s.Tests {
			if t.Lost != "" {
				fmt.Fprintf(w, "    %s (%s): %s\n", t.Name, t.File, t.Lost)
			}
		}
	}
	if all {
		for _, name := range slices.Sorted(maps.Keys(s.Dropped)) {
			fmt.Fprintf(w, "dropped %s: %s\n", name, s.Dropped[name])
		}
	}
}
