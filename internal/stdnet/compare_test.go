package stdnet

import (
	"bytes"
	"strings"
	"testing"
)

func TestRegressions(t *testing.T) {
	outcome := func(o Outcome) Result { return Result{Outcome: o} }
	for _, tc := range []struct {
		std, library Outcome
		regression   bool
	}{
		{Pass, Pass, false},
		{Pass, Skip, true},
		{Pass, Fail, true},
		{Pass, Crash, true},
		{Pass, None, true},
		{Pass, Lost, true},
		{Skip, Pass, false},
		{Skip, Fail, false},
		{Fail, Fail, false},
		{Fail, Pass, false},
		{Crash, Crash, false},
	} {
		rows := Compare([]Test{{Name: "TestX"}}, Results{"TestX": outcome(tc.std)}, Results{"TestX": outcome(tc.library)})
		if got := len(Regressions(rows)) == 1; got != tc.regression {
			t.Errorf("%v over std, %v over the library: regression %t, want %t", tc.std, tc.library, got, tc.regression)
		}
	}
}

func TestATestMissingOverTheLibraryIsARegression(t *testing.T) {
	std := Results{"TestX": {Outcome: Pass}}
	if got := len(Regressions(Compare([]Test{{Name: "TestX"}}, std, nil))); got != 1 {
		t.Errorf("%d regressions, want 1", got)
	}
	lost := []Test{{Name: "TestX", Lost: "undefined: x"}}
	rows := Compare(lost, std, nil)
	if got := Regressions(rows); len(got) != 1 || got[0].Library.Outcome != Lost {
		t.Errorf("a test that does not compile gives %v", got)
	}
}

func TestSubtestsCountBesideTheirTest(t *testing.T) {
	tests := []Test{{Name: "TestX", Reaches: true}, {Name: "TestY", Reaches: true}}
	std := Results{
		"TestX": {Outcome: Fail}, "TestX/a": {Outcome: Fail}, "TestX/b": {Outcome: Pass}, "TestX/c": {Outcome: Pass},
		"TestY": {Outcome: Pass}, "TestY/a": {Outcome: Pass}, "TestY/b": {Outcome: Pass},
	}
	library := Results{
		"TestX": {Outcome: Fail}, "TestX/a": {Outcome: Fail}, "TestX/b": {Outcome: Fail}, "TestX/c": {Outcome: Pass},
		"TestY": {Outcome: Crash}, "TestY/a": {Outcome: Pass},
	}
	rows := Compare(tests, std, library)
	var got []string
	for _, r := range Regressions(rows) {
		got = append(got, r.Name)
	}
	if want := "TestX/b TestY"; strings.Join(got, " ") != want {
		t.Errorf("regressions %v, want %s: a subtest that fails alone, and the test that crashed without those it never ran", got, want)
	}
	if n := Ran(rows); n != 1 {
		t.Errorf("%d tests ran, want 1: the one that crashed is none", n)
	}
}

func TestOnlyTestsThatReachTheLibraryCountAsRun(t *testing.T) {
	tests := []Test{{Name: "TestA", Reaches: true}, {Name: "TestB"}, {Name: "TestC", Reaches: true}}
	results := Results{"TestA": {Outcome: Pass}, "TestA/sub": {Outcome: Pass}, "TestB": {Outcome: Pass}, "TestC": {Outcome: Skip}}
	if n := Ran(Compare(tests, results, results)); n != 1 {
		t.Errorf("%d tests ran, want 1", n)
	}
}

func TestReportShowsTheOutputOfARegression(t *testing.T) {
	tests := []Test{{Name: "TestX"}, {Name: "TestY"}}
	std := Results{"TestX": {Outcome: Pass}, "TestY": {Outcome: Pass}}
	library := Results{"TestX": {Fail, strings.Repeat("noise\n", 200) + "the reason\n"}, "TestY": {Pass, "fine\n"}}
	var b bytes.Buffer
	Report(&b, Compare(tests, std, library), false)
	out := b.String()
	for _, want := range []string{"REGRESSION", "the reason", "(141 lines left out)"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "fine") {
		t.Errorf("the output of a test that passes is printed:\n%s", out)
	}
}
